//! Two claims on one organization, and a connector that is removed under load.
