//! Whole organizations: whatever is true, in whatever order projects are passed, by however many workers, with crashes
//! in between, every resource is judged as it is, within the calls that are allowed.

use super::{TYPES, day};
use crate::cross_check::verdict::{Answers, News, Step, View, advance, note_told};
use muster_domain::ProjectId;
use muster_domain::protected::ProtectedResource;
use muster_domain::read::{Reading, UnknownReason};
use muster_domain::snapshot::{AuthorizedResourceList, AuthorizedResources, ListCheck, PipelineAccess};
use muster_store::changes::ListCheckDocument;
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use uuid::Uuid;

type Id = (ProtectedResource, String);

/// What is true.
#[derive(Clone, Debug)]
struct Truth {
    /// The list form lists; else it is always empty.
    lists: bool,
    /// For each project and type, for each resource, whether it is open.
    projects: Vec<[Vec<bool>; 3]>,
}

impl Truth {
    fn ids(&self, project: usize) -> BTreeMap<ProtectedResource, Vec<String>> {
        let ids = |resource: ProtectedResource, open: &Vec<bool>| {
            (resource, (0..open.len()).map(|index| format!("{project}-{index}")).collect())
        };
        TYPES.into_iter().zip(&self.projects[project]).map(|(resource, open)| ids(resource, open)).collect()
    }

    fn access(&self, (resource, id): &Id) -> PipelineAccess {
        let (project, index) = id.split_once('-').unwrap();
        let position = TYPES.iter().position(|one| one == resource).unwrap();
        let open = &self.projects[project.parse::<usize>().unwrap()][position];
        match open[index.parse::<usize>().unwrap()] {
            true => PipelineAccess::AllPipelines,
            false => PipelineAccess::PermittedOnly,
        }
    }

    fn list(&self, project: usize) -> AuthorizedResourceList {
        let mut list = AuthorizedResourceList::default();
        for (resource, ids) in self.ids(project) {
            for id in ids {
                let one = (resource, id);
                if self.lists && self.access(&one) == PipelineAccess::AllPipelines {
                    list.open.entry(resource).or_default().insert(one.1);
                }
            }
        }
        list
    }

    fn count(&self, position: usize) -> usize {
        self.projects.iter().map(|types| types[position].len()).sum()
    }
}

/// A running pass over a project.
struct Running {
    project: usize,
    list: AuthorizedResourceList,
    resources: BTreeMap<ProtectedResource, Vec<String>>,
    answers: Answers,
    questions: VecDeque<Id>,
    /// Others are told, which is not noted yet.
    unnoted: Vec<News>,
    is_done: bool,
    /// Asked one by one: not counted as a check of the list.
    asked: BTreeSet<Id>,
}

#[derive(Default)]
struct Stored {
    /// The inventory holds its resources.
    is_known: bool,
    list: Option<AuthorizedResourceList>,
    single: BTreeMap<Id, PipelineAccess>,
    judged: BTreeMap<Id, Reading<PipelineAccess>>,
}

/// An organization, its workers, and what is stored of it.
struct Organization {
    truth: Truth,
    document: ListCheckDocument,
    stored: Vec<Stored>,
    waiting: BTreeSet<usize>,
    running: Vec<Running>,
    rerun: BTreeSet<usize>,
    calls: BTreeMap<ProtectedResource, usize>,
    passes: usize,
    today: u32,
}

impl Organization {
    fn new(truth: Truth) -> Self {
        let stored = truth.projects.iter().map(|_| Stored::default()).collect();
        Self {
            truth,
            document: ListCheckDocument::default(),
            stored,
            waiting: BTreeSet::new(),
            running: Vec::new(),
            rerun: BTreeSet::new(),
            calls: BTreeMap::new(),
            passes: 0,
            today: 1,
        }
    }

    /// Passes every project, in the order and with the interleaving that `choices` draw.
    fn run(&mut self, workers: usize, choices: &mut impl Iterator<Item = u8>, crashes: bool) {
        self.waiting = (0..self.truth.projects.len()).collect();
        for _ in 0..100_000 {
            let startable: Vec<usize> = self
                .waiting
                .iter()
                .copied()
                .filter(|project| self.running.iter().all(|running| running.project != *project))
                .collect();
            let can_start = self.running.len() < workers && !startable.is_empty();
            if !can_start && self.running.is_empty() {
                return;
            }
            let choice = usize::from(choices.next().unwrap());
            let options = self.running.len() + usize::from(can_start);
            if choice % options == self.running.len() {
                self.start(startable[choices.next().map_or(0, usize::from) % startable.len()]);
            } else if crashes && choices.next().unwrap() < 12 {
                let crashed = self.running.remove(choice % options);
                self.waiting.insert(crashed.project);
            } else {
                self.step(choice % options);
            }
        }
        panic!("the passes do not come to an end");
    }

    fn start(&mut self, project: usize) {
        self.waiting.remove(&project);
        self.passes += 1;
        // The listings are committed before the first step.
        self.stored[project].is_known = true;
        self.running.push(Running {
            project,
            list: self.truth.list(project),
            resources: self.truth.ids(project),
            answers: Answers::new(),
            questions: VecDeque::new(),
            unnoted: Vec::new(),
            is_done: false,
            asked: BTreeSet::new(),
        });
    }

    fn step(&mut self, index: usize) {
        let running = &mut self.running[index];
        if !running.unnoted.is_empty() {
            note_told(&mut self.document, &std::mem::take(&mut running.unnoted));
            return;
        }
        if let Some(question) = running.questions.pop_front() {
            assert!(running.asked.insert(question.clone()), "{question:?} is asked twice in a pass");
            *self.calls.entry(question.0).or_default() += 1;
            let answer = Some(self.truth.access(&question));
            running.answers.entry(question.0).or_default().insert(question.1, answer);
            return;
        }
        if running.is_done {
            let running = self.running.remove(index);
            self.finish(running);
            return;
        }
        // Answers are committed before anything is concluded from them.
        commit(&mut self.stored[running.project], &running.answers);
        let view = View {
            project_id: ProjectId(Uuid::from_u128(u128::try_from(running.project).unwrap())),
            types: &TYPES,
            resources: &running.resources,
            list: Some(&running.list),
            answers: &running.answers,
        };
        let Step { questions, news } = advance(&mut self.document, day(self.today), &view);
        running.is_done = questions.is_empty();
        running.questions = questions.into();
        running.unnoted.clone_from(&news);
        let project = running.project;
        self.tell(project, &news);
    }

    fn tell(&mut self, teller: usize, news: &[News]) {
        for one in news {
            for project in 0..self.stored.len() {
                let position = TYPES.iter().position(|resource| *resource == one.resource).unwrap();
                let has_some = !self.truth.projects[project][position].is_empty();
                if project == teller || !self.stored[project].is_known || !has_some {
                    continue;
                }
                if !one.asks_for_reading() {
                    self.judge(project);
                } else if self.running.iter().any(|running| running.project == project) {
                    self.rerun.insert(project);
                } else {
                    self.waiting.insert(project);
                }
            }
        }
    }

    fn finish(&mut self, running: Running) {
        let stored = &mut self.stored[running.project];
        stored.list = Some(running.list);
        commit(stored, &running.answers);
        if self.rerun.remove(&running.project) {
            self.waiting.insert(running.project);
        }
        self.judge(running.project);
    }

    fn judge(&mut self, project: usize) {
        let stored = &mut self.stored[project];
        let list = stored.list.clone().map_or(Reading::Unknown(UnknownReason::NotReadYet), Reading::Known);
        let resources =
            AuthorizedResources { list, checks: self.document.checks(), single: stored.single.clone() };
        for (resource, ids) in self.truth.ids(project) {
            for id in ids {
                let access = resources.access(resource, &id);
                stored.judged.insert((resource, id), access);
            }
        }
    }

    fn assert_true(&self) {
        for (project, stored) in self.stored.iter().enumerate() {
            for (resource, ids) in self.truth.ids(project) {
                for id in ids {
                    let one = (resource, id);
                    assert_eq!(
                        stored.judged.get(&one),
                        Some(&Reading::Known(self.truth.access(&one))),
                        "{one:?} of {:?}, {:?}",
                        self.truth,
                        self.document
                    );
                }
            }
        }
    }
}

fn commit(stored: &mut Stored, answers: &Answers) {
    for (resource, answers) in answers {
        let answers = answers.iter().map(|(id, access)| ((*resource, id.clone()), access.unwrap()));
        stored.single.extend(answers);
    }
}

fn truth() -> impl Strategy<Value = Truth> {
    // Open with a chance from never to always, so that organizations without anything open are drawn, too.
    (any::<bool>(), 0_u8..=4).prop_flat_map(|(lists, openness)| {
        let resource = (0_u8..4).prop_map(move |drawn| drawn < openness);
        let of_type = || vec(resource.clone(), 0..4);
        let project =
            (of_type(), of_type(), of_type()).prop_map(|(first, second, third)| [first, second, third]);
        vec(project, 1..6).prop_map(move |projects| Truth { lists, projects })
    })
}

fn choices() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 64)
}

/// Draws without end, and not in a circle of the same few interleavings.
fn endless(drawn: &[u8]) -> impl Iterator<Item = u8> + use<> {
    let mut state =
        drawn.iter().fold(1_u64, |state, byte| state.wrapping_mul(31).wrapping_add(u64::from(*byte)));
    std::iter::repeat_with(move || {
        // The generator of Knuth's MMIX.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn every_resource_is_judged_as_it_is(truth in truth(), drawn in choices(), workers in 1_usize..4) {
        let mut organization = Organization::new(truth);
        organization.run(workers, &mut endless(&drawn), false);
        organization.assert_true();
        for (position, resource) in TYPES.into_iter().enumerate() {
            let calls = organization.calls.get(&resource).copied().unwrap_or_default();
            let single = organization.truth.count(position);
            let check = organization.document.types.get(&resource).map(|check| check.check).unwrap_or_default();
            // One by one, a resource is asked for once per pass; a project is passed once, and once more for each
            // type whose verdict changed.
            prop_assert!(calls <= 2 + single * (1 + TYPES.len()), "{resource}: {calls} for {single}");
            if check == ListCheck::NotVerified {
                prop_assert!(calls <= 2, "{resource}: {calls} although nothing was read one by one");
            }
        }
    }

    #[test]
    fn a_day_later_an_unchanged_organization_costs_two_calls_a_type_where_the_list_agrees(
        truth in truth(), drawn in choices(), workers in 1_usize..4
    ) {
        let mut organization = Organization::new(truth);
        let mut choices = endless(&drawn);
        organization.run(workers, &mut choices, false);
        let agreed = organization.document.checks();
        organization.today = 2;
        organization.calls.clear();
        organization.passes = 0;
        organization.run(workers, &mut choices, false);
        organization.assert_true();
        for (position, resource) in TYPES.into_iter().enumerate() {
            let calls = organization.calls.get(&resource).copied().unwrap_or_default();
            let check = agreed.get(&resource).copied().unwrap_or_default();
            if check == ListCheck::Agrees {
                prop_assert!(calls <= 2, "{resource}: {calls}");
                prop_assert_eq!(organization.document.checks()[&resource], ListCheck::Agrees);
            } else if check.reads_one_by_one() && organization.passes == organization.truth.projects.len() {
                prop_assert!(calls <= organization.truth.count(position), "{resource}: {calls}");
            }
        }
    }

    #[test]
    fn what_changes_from_day_to_day_is_found(
        lists in any::<bool>(),
        days in vec((0_u8..=4, choices()), 2..5),
        sizes in vec([0_usize..4, 0_usize..4, 0_usize..4], 1..6),
        workers in 1_usize..4
    ) {
        let none = sizes.iter().map(|sizes| sizes.map(|size| vec![false; size])).collect();
        let mut organization = Organization::new(Truth { lists, projects: none });
        for (number, (openness, drawn)) in days.into_iter().enumerate() {
            let mut draw = endless(&drawn);
            for open in organization.truth.projects.iter_mut().flatten().flatten() {
                *open = draw.next().unwrap() % 4 < openness;
            }
            organization.today = u32::try_from(number).unwrap() + 1;
            organization.run(workers, &mut draw, false);
            organization.assert_true();
        }
    }

    #[test]
    fn crashes_change_nothing_of_the_result(truth in truth(), drawn in choices(), workers in 1_usize..4) {
        let mut organization = Organization::new(truth);
        organization.run(workers, &mut endless(&drawn), true);
        organization.assert_true();
    }
}
