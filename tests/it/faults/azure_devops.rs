//! Answers of Azure DevOps that are wrong, late or refused.
