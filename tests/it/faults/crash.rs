//! Killed at any request, before or after its effect: the next apply ends where an undisturbed one ends.

use std::time::Duration;

use keyless::sandbox::Options;
use serde_json::Value;

use super::scenes::{SCENES, Scene, nobody_locked_out};
use super::{Act, Going, World, random};
use crate::common::{Folder, every_row, few, seeds, setting, side_by_side};

/// When the process dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    /// The request never arrives.
    Before,
    /// The request was carried out, but the answer is lost.
    After,
    /// It is still on its way and arrives when the next apply begins to write.
    Late,
}

/// What a point showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Point {
    /// It was killed there, and the next apply converged.
    Converged,
    /// The run ended before it came to that request.
    NotReached,
    /// A restore that arrives late, once the account is back, is a PUT that leaves everything out. Azure has no
    /// `If-Match` here, so nobody can prevent it: it is part of the accepted moment between the last read and the write.
    Unpreventable,
}

/// A scene, its undisturbed run, and where that ended.
struct Stage<'a> {
    world: &'a World,
    folder: Folder,
    scene: &'static Scene,
    /// Of the undisturbed run, in its order.
    writes: Vec<bool>,
    end: Value,
}

impl<'a> Stage<'a> {
    fn set(world: &'a World, scene: &'static Scene) -> Self {
        let folder = world.folder();
        folder.write("a.yaml", (scene.spec)());
        let mut stage = Self { world, folder, scene, writes: Vec::new(), end: Value::Null };
        stage.begin();
        stage.folder.keyless(&stage.apply()).exits(0);
        stage.writes = world.proxy.take_log().iter().map(super::Seen::is_write).collect();
        assert!(stage.writes.iter().filter(|write| **write).count() > 1, "{}: nothing to lose", scene.name);
        stage.converged("undisturbed");
        stage.end = world.settled_state();
        stage
    }

    fn begin(&self) {
        self.world.reset();
        (self.scene.prepare)(self.world);
        self.world.proxy.watch(nobody_locked_out(self.scene.in_use));
    }

    fn apply(&self) -> String {
        format!("apply a.yaml --yes {}", self.scene.flags)
    }

    fn converged(&self, what: &str) {
        let plan = self.folder.keyless(&format!("plan a.yaml --detailed-exitcode {}", self.scene.flags));
        assert_eq!(plan.code, 0, "{}, {what}: {plan}", self.scene.name);
        assert!(plan.stdout.contains("No changes"), "{}, {what}: {plan}", self.scene.name);
        let complaints = self.world.proxy.take_complaints();
        assert!(complaints.is_empty(), "{}, {what}: {complaints:?}", self.scene.name);
    }

    /// Kills an apply at its request `k` and lets the next one end it.
    fn kill(&self, k: usize, when: When, seed: u64) -> Point {
        let what = format!("killed at request {k}, {when:?}, seed {seed}");
        self.begin();
        let act = if when == When::After { Act::HoldAfter } else { Act::HoldBefore };
        self.world.proxy.script(move |seen| if seen.index == k { act.clone() } else { Act::Pass });
        let mut going = Going::start(&self.folder, &self.apply());
        let Some(held) = self.world.held_by(&mut going) else {
            let run = going.end();
            assert_eq!(run.code, 0, "{}, {what}: {run}", self.scene.name);
            return Point::NotReached;
        };
        // What else is on its way comes more or less far.
        let mut seed = seed;
        std::thread::sleep(Duration::from_millis(random(&mut seed) % 8));
        let restores = held.seen.body["properties"]["restore"] == true;
        going.kill();
        if when == When::Late && restores {
            drop(held);
            self.world.settle();
            return Point::Unpreventable;
        }
        let late = (when == When::Late).then_some(held);
        if late.is_none() {
            self.world.settle();
        }
        self.world.proxy.take_log();
        self.world.proxy.script(|_| Act::Pass);
        if let Some(late) = late {
            self.arrive_late(late, &what);
        } else {
            let run = self.folder.keyless(&self.apply());
            assert_eq!(run.code, 0, "{}, {what}: {run}", self.scene.name);
        }
        self.converged(&what);
        let end = self.world.settled_state();
        let differing = differences(&end, &self.end);
        assert!(differing.is_empty(), "{}, {what}: it ended elsewhere\n{differing}", self.scene.name);
        Point::Converged
    }

    /// The next apply is held at its first write; there the request of the dead one arrives.
    fn arrive_late(&self, late: super::Held, what: &str) {
        self.world.proxy.script(super::nth(0, super::Seen::is_write, Act::HoldBefore));
        let mut going = Going::start(&self.folder, &self.apply());
        let first = self.world.held_by(&mut going);
        late.release();
        std::thread::sleep(Duration::from_millis(10));
        if let Some(first) = first {
            first.release();
        }
        let run = going.end();
        self.world.settle();
        if run.code != 0 {
            // It may say that somebody else was at work; then it has to be the truth and the next one ends it.
            assert!(
                run.stderr.contains("error") || run.stdout.contains("error"),
                "{}, {what}: {run}",
                self.scene.name
            );
            let again = self.folder.keyless(&self.apply());
            assert_eq!(again.code, 0, "{}, {what}: {again}\nafter {run}", self.scene.name);
        }
    }
}

/// Where two states differ, by pointer.
fn differences(left: &Value, right: &Value) -> String {
    fn walk(at: &str, left: &Value, right: &Value, lines: &mut Vec<String>) {
        match (left, right) {
            (Value::Object(a), Value::Object(b)) => {
                let names: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
                for name in names {
                    walk(&format!("{at}/{name}"), &left[name.as_str()], &right[name.as_str()], lines);
                }
            }
            (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
                for (index, (a, b)) in a.iter().zip(b).enumerate() {
                    walk(&format!("{at}/{index}"), a, b, lines);
                }
            }
            _ if left != right => lines.push(format!("{at}: {left} instead of {right}")),
            _ => {}
        }
    }
    let mut lines = Vec::new();
    walk("", left, right, &mut lines);
    lines.join("\n")
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn an_apply_meets_what_a_killed_one_left_under_way() {
    let world = World::with(Options { operation_time: Duration::from_millis(300), ..Options::default() });
    for name in ["create", "update"] {
        let stage = Stage::set(&world, SCENES.iter().find(|scene| scene.name == name).unwrap());
        let first = stage.writes.iter().position(|write| *write).unwrap();
        assert_eq!(stage.kill(first, When::After, 0), Point::Converged);
    }
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn an_apply_killed_at_any_write_is_ended_by_the_next() {
    let world = World::start();
    let mut points = 0;
    for scene in few(2, SCENES.iter().filter(|scene| scene.name != "all at once")) {
        let stage = Stage::set(&world, scene);
        let writes: Vec<usize> = (0..stage.writes.len()).filter(|index| stage.writes[*index]).collect();
        for (turn, k) in writes.iter().enumerate() {
            // What a write leaves if it never comes, the one before it mostly left too: tests/crash_points.sh tries every one.
            let often: &[When] = if turn % 3 == 0 { &[When::Before, When::After] } else { &[When::After] };
            for when in often {
                points += usize::from(stage.kill(*k, *when, turn as u64) == Point::Converged);
            }
        }
    }
    assert!(points >= if every_row() { 40 } else { 5 }, "only {points} points were reached");
}

/// How an apply of a scene is killed, throughout one table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Round {
    Quick(When),
    /// Operations take time: the next apply meets what is still being written.
    Slow,
}

/// Every request of every scene, before it, and every write after its effect and late, with several seeds; prints a table.
#[test]
#[ignore = "minutes; tests/crash_points.sh runs it"]
#[expect(clippy::print_stdout, reason = "a table for people")]
fn every_crash_point() {
    let rounds =
        [Round::Quick(When::Before), Round::Quick(When::After), Round::Quick(When::Late), Round::Slow];
    // The longest scene is last in the list and starts first.
    let mut jobs: Vec<(&'static Scene, Round)> =
        SCENES.iter().rev().flat_map(|scene| rounds.map(|round| (scene, round))).collect();
    let counts = side_by_side(&jobs, |(scene, round)| kill_throughout(scene, *round));
    println!("{:<12} {:<14} {:>9} {:>10} {:>9}", "scene", "killed", "requests", "converged", "left out");
    let mut all = 0;
    for ((scene, round), (requests, converged, missed)) in jobs.drain(..).zip(counts) {
        println!("{:<12} {:<14} {requests:>9} {converged:>10} {missed:>9}", scene.name, format!("{round:?}"));
        all += converged;
    }
    println!("{all} crash points, all converged to the undisturbed end");
    assert!(all >= 200, "only {all} points");
}

/// Kills applies of a scene at each of its requests; how many requests it has, how many points converged, and how many were left out.
fn kill_throughout(scene: &'static Scene, round: Round) -> (usize, usize, usize) {
    let operation_time = Duration::from_millis(if round == Round::Slow { 300 } else { 0 });
    let world = World::with(Options { operation_time, ..Options::default() });
    let stage = Stage::set(&world, scene);
    let (mut converged, mut missed) = (0, 0);
    for seed in seeds(setting("KEYLESS_CRASH_SEEDS").unwrap_or(1)) {
        for k in 0..stage.writes.len() {
            let when = match round {
                // A read leaves Azure as it was: after it is before the next.
                Round::Quick(When::After | When::Late) | Round::Slow if !stage.writes[k] => continue,
                Round::Quick(when) => when,
                Round::Slow => When::After,
            };
            match stage.kill(k, when, seed * 1000 + k as u64) {
                Point::Converged => converged += 1,
                Point::NotReached | Point::Unpreventable => missed += 1,
            }
        }
    }
    (stage.writes.len(), converged, missed)
}
