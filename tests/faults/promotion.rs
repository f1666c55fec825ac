//! A promotion struck at every point.

use crate::fault::{ALL, Fault};
use crate::sweep::{Job, Scene, sweep};
use crate::trace;

#[test]
fn killed_anywhere_a_promotion_of_one_file_is_whole_or_not_there() {
    if !trace::available() {
        return;
    }
    let scene = Scene::promotion(1);
    sweep(&scene.jobs(&[Fault::Kill])).settle("one file, killed");
}

#[test]
fn errors_and_signals_leave_a_promotion_whole_or_not_there() {
    if !trace::available() {
        return;
    }
    let (one, five) = (Scene::promotion(1), Scene::promotion(5));
    // No common factor with the number of faults, so that each has its turn.
    let jobs = [one.jobs(&ALL[1..]), five.jobs(&ALL)].concat();
    let some: Vec<Job<'_>> = jobs.into_iter().step_by(23).collect();
    sweep(&some).settle("one and five files, some");
}
