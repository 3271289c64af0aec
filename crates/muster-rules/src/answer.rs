//! What a rule found on one resource, and how it becomes a judgement.

use muster_domain::assessment::{AssessmentState, Judgement, Verdict};
use muster_domain::read::{Read, UnknownReason};
use muster_domain::recommendation::Recommendation;
use muster_domain::resource::ResourceKey;

/// What was found: the cause as a stable code, and what was seen as a sentence. No time and no listing order may
/// get into the sentence, because equal findings must read alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// As recommended.
    Healthy { cause: &'static str, observed: String },
    /// Not as recommended.
    Unhealthy { cause: &'static str, observed: String },
    /// The question does not arise.
    NotApplicable { cause: &'static str, observed: String },
    /// Cannot be told.
    Unknown(UnknownReason),
}

impl Answer {
    /// This answer of `recommendation` on `resource`, which can be changed at `link`.
    pub(crate) fn judgement(
        self,
        recommendation: &Recommendation,
        resource: ResourceKey,
        expected: &str,
        link: String,
    ) -> Judgement {
        let (state, cause, observed) = match self {
            Self::Healthy { cause, observed } => (AssessmentState::Healthy, cause, observed),
            Self::Unhealthy { cause, observed } => (AssessmentState::Unhealthy, cause, observed),
            Self::NotApplicable { cause, observed } => (AssessmentState::NotApplicable, cause, observed),
            Self::Unknown(reason) => {
                (AssessmentState::Unknown, reason.cause(), explanation(reason, setting_of(recommendation)))
            }
        };
        let (cause, expected, link) = (cause.to_owned(), expected.to_owned(), Some(link));
        let verdict = Verdict { state, cause, observed, expected, link };
        Judgement { resource, recommendation: recommendation.key, verdict }
    }
}

/// The read of the setting that a rule judges, beside the listing of its resources: what is Unknown in an answer is that.
fn setting_of(recommendation: &Recommendation) -> Option<Read> {
    recommendation.reads.iter().copied().find(|read| !read.lists_resources())
}

fn explanation(reason: UnknownReason, read: Option<Read>) -> String {
    match read {
        Some(read) => reason.explanation_of(read),
        None => reason.explanation().to_owned(),
    }
}

/// `judgement`, made on what was known earlier of a resource whose listing gave nothing this time. That the question
/// does not arise is still believed: it asks for nothing.
pub(crate) fn doubted(judgement: Judgement, listing: Option<Read>, reason: UnknownReason) -> Judgement {
    if judgement.verdict.state == AssessmentState::NotApplicable {
        return judgement;
    }
    let verdict = Verdict {
        state: AssessmentState::Unknown,
        cause: reason.cause().to_owned(),
        observed: explanation(reason, listing),
        ..judgement.verdict
    };
    Judgement { verdict, ..judgement }
}
