//! Agent pools of an organization. Queues are how projects use them.

/// One pool. Every organization has the same ones; the numbers of pools that Microsoft made have gaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AgentPool {
    pub(crate) id: usize,
    pub(crate) name: &'static str,
    pub(crate) is_hosted: bool,
    pub(crate) pool_type: &'static str,
    pub(crate) size: usize,
    /// New projects get a queue of it without asking.
    pub(crate) is_provisioned: bool,
    pub(crate) updates_itself: bool,
}

impl AgentPool {
    /// Those that projects have queues of, in the order of the queues.
    pub(crate) const OF_QUEUES: [Self; 4] = [
        Self { id: 9, name: "Azure Pipelines", is_hosted: true, size: 10, ..Self::DEFAULT },
        Self::DEFAULT,
        Self { id: 12, name: "linux-self-hosted", size: 6, is_provisioned: false, ..Self::DEFAULT },
        Self { id: 14, name: "build-farm", size: 24, updates_itself: false, ..Self::DEFAULT },
    ];

    /// All, in the order of their numbers.
    pub(crate) const ALL: [Self; 5] = [
        Self::DEFAULT,
        Self::OF_QUEUES[0],
        Self::OF_QUEUES[2],
        Self::OF_QUEUES[3],
        Self {
            id: 17,
            name: "production-web",
            pool_type: "deployment",
            size: 2,
            is_provisioned: false,
            ..Self::DEFAULT
        },
    ];

    const DEFAULT: Self = Self {
        id: 1,
        name: "Default",
        is_hosted: false,
        pool_type: "automation",
        size: 3,
        is_provisioned: true,
        updates_itself: true,
    };

    /// The pool that a queue of this name uses.
    pub(crate) fn of_queue(name: &str) -> Self {
        Self::OF_QUEUES.into_iter().find(|pool| pool.name == name).unwrap_or(Self::DEFAULT)
    }
}
