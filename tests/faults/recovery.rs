//! The recovery struck: a run is killed, and what brings its leftovers to an
//! end is struck at every point of its own.

use std::collections::BTreeSet;

use crate::fault::{ALL, Fault};
use crate::scene::Copy;
use crate::sweep::{Job, Scene, parallel, sweep};
use crate::trace::{self, Kind, Point};

/// A run that was killed, and what the command after it has to do then.
pub(crate) struct Crash {
    prior: Point,
    points: Vec<Point>,
}

/// One kill for each recovery that is different from all others: by the system
/// calls that `command` makes afterwards.
pub(crate) fn crashes(scene: &Scene, command: &[String]) -> Vec<Crash> {
    let kills: Vec<&Point> =
        scene.points.iter().filter(|point| matches!(point.kind, Kind::Write | Kind::End)).collect();
    let all = parallel(kills.len(), |at| {
        let (copy, _) = scene.start();
        let root = Copy::root(&copy);
        trace::strike(&root, (&scene.command, scene.whose), kills[at], Fault::Kill);
        let (_, points) = trace::points(&root, command, scene.whose);
        assert!(trace::writers(&root) <= 1, "threads that write");
        Crash { prior: kills[at].clone(), points }
    });
    let mut seen = BTreeSet::new();
    let shape = |crash: &Crash| {
        let writes = crash.points.iter().filter(|point| point.kind == Kind::Write);
        writes.map(Point::shape).collect::<Vec<_>>()
    };
    all.into_iter().filter(|crash| seen.insert(shape(crash))).collect()
}

/// Every fault at every point of what comes after the crashes.
pub(crate) fn jobs<'a>(
    scene: &'a Scene,
    command: &'a [String],
    crashes: &'a [Crash],
    faults: &'a [Fault],
) -> Vec<Job<'a>> {
    let mut jobs = Vec::new();
    for crash in crashes {
        for point in &crash.points {
            for &fault in faults {
                let ways = scene.ways(point, fault).iter();
                jobs.extend(ways.map(|&way| Job {
                    scene,
                    prior: Some(&crash.prior),
                    command,
                    point,
                    fault,
                    way,
                }));
            }
        }
    }
    jobs
}

/// Some of the faults at points of the recovery.
#[test]
fn a_recovery_that_fails_can_be_repeated() {
    if !trace::available() {
        return;
    }
    let scene = Scene::promotion(1);
    let crashes = crashes(&scene, &scene.recover);
    let jobs = jobs(&scene, &scene.recover, &crashes, &ALL);
    let some: Vec<Job<'_>> = jobs.into_iter().step_by(29).collect();
    sweep(&some).settle("recovery, some");
}
