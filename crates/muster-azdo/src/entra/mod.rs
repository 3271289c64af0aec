//! Tokens of Microsoft Entra for applications: OAuth 2.0 client credentials (RFC 6749, section 4.4). The only place
//! that talks to Entra. These requests are no calls of Azure DevOps: they draw on no consumption budget.

mod applications;
mod authority;
mod refusal;
mod request;
mod tokens;

pub(crate) use applications::{Application, Applications};
pub(crate) use authority::Authority;
pub use authority::ENTRA_URL;
pub(crate) use refusal::TokenError;
pub use tokens::ApplicationTokens;
