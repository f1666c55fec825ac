//! The whole sweep: every point and every fault. Minutes, so only on request.

use crate::fault::{ALL, Fault};
use crate::limits::torn;
use crate::recovery::{crashes, jobs};
use crate::rooms::locks;
use crate::sweep::{Scene, sweep};
use crate::trace;

#[test]
#[ignore = "part of the whole sweep"]
fn every_fault_of_a_promotion() {
    if trace::available() {
        sweep(&Scene::promotion(1).jobs(&ALL)).settle("one file, every fault");
        sweep(&Scene::promotion(5).jobs(&ALL)).settle("five files, every fault");
    }
}

/// Killed at every point; of the other faults every second one, and with five
/// files every sixth.
#[test]
#[ignore = "part of the whole sweep"]
fn a_recovery_struck() {
    if trace::available() {
        for (apps, step, name) in [(1, 2, "one file, recovery"), (5, 6, "five files, recovery")] {
            let scene = Scene::promotion(apps);
            let crashes = crashes(&scene, &scene.recover);
            let of = |faults| jobs(&scene, &scene.recover, &crashes, faults);
            let (kills, others): (Vec<Fault>, Vec<Fault>) =
                ALL.iter().partition(|fault| **fault == Fault::Kill);
            let mut all = of(&kills);
            all.extend(of(&others).into_iter().step_by(step));
            sweep(&all).settle(name);
        }
    }
}

/// The same command again does the recovery first, and is killed once more:
/// after every third crash, and with five files after every ninth.
#[test]
#[ignore = "part of the whole sweep"]
fn a_retry_killed() {
    if trace::available() {
        let scenes = [(1, 3, "one file, retry killed"), (5, 9, "five files, retry killed")];
        for (apps, step, name) in scenes {
            let scene = Scene::promotion(apps);
            let crashes = crashes(&scene, &scene.command);
            let crashes: Vec<_> = crashes.into_iter().step_by(step).collect();
            sweep(&jobs(&scene, &scene.command, &crashes, &[Fault::Kill])).settle(name);
        }
    }
}

/// At every fifth size of a file, and with five files at every eleventh.
#[test]
#[ignore = "part of the whole sweep"]
fn torn_writes() {
    if trace::available() {
        torn(&Scene::promotion(1), 5).settle("one file, torn");
        torn(&Scene::promotion(5), 11).settle("five files, torn");
    }
}

#[test]
#[ignore = "part of the whole sweep"]
fn every_locked_path() {
    if trace::available() {
        locks(&Scene::promotion(1), 1).settle("one file, locked");
        locks(&Scene::promotion(5), 1).settle("five files, locked");
    }
}
