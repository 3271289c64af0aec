//! `GET /api/v1/budget` and `GET /api/v1/budget/{identity}`: what is left of the consumption limit.

use crate::Api;
use crate::http::errors::ApiError;
use crate::http::paging::whole;
use crate::http::path::InPath;
use crate::views::budget::BudgetDocument;
use axum::Json;
use axum::extract::State;
use axum::response::Response;

/// The budget of every identity.
pub(crate) async fn list(State(api): State<Api>) -> Result<Response, ApiError> {
    Ok(whole(budgets(&api).await?))
}

/// The budget of one identity.
pub(crate) async fn show(
    State(api): State<Api>,
    InPath(identity): InPath<String>,
) -> Result<Json<BudgetDocument>, ApiError> {
    let found = budgets(&api).await?.into_iter().find(|found| found.budget.identity.as_str() == identity);
    found.map(Json).ok_or_else(|| {
        let message = format!("nothing was called as {identity} yet; see GET /api/v1/budget");
        ApiError::not_found("identity", message)
    })
}

async fn budgets(api: &Api) -> Result<Vec<BudgetDocument>, ApiError> {
    let budgets = api.store().budget(api.budget.clone()).list().await?;
    let credentials = api.store().credentials().list().await?;
    Ok(budgets.into_iter().map(|budget| BudgetDocument::of(budget, &credentials)).collect())
}
