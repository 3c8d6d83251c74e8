//! `keyless guid` against real outputs of ARM and Bicep.

use serde_json::Value;

use crate::common::{Folder, shared};

#[test]
fn guid_gives_what_arm_gave() {
    let Some(path) = shared("vectors/arm-guid.json") else { return };
    let vectors: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let folder = Folder::new();
    let guid = |vector: &Value| {
        let parts = vector["parts"].as_array().unwrap().iter().map(|part| part.as_str().unwrap());
        folder.args(std::iter::once("guid").chain(parts)).exits(0).stdout
    };
    let all = vectors["vectors"].as_array().unwrap();
    assert_eq!(all.len(), 7);
    for vector in all {
        assert_eq!(guid(vector), format!("{}\n", vector["guid"].as_str().unwrap()));
    }
    let not_arm = vectors["not_arm"].as_array().unwrap();
    assert_eq!(not_arm.len(), 1);
    for vector in not_arm {
        let ours = guid(vector);
        assert_ne!(ours.trim(), vector["claimed"]);
        assert_eq!(ours.trim(), vector["real"]);
    }
}

#[test]
fn guid_needs_a_part() {
    Folder::new().keyless("guid").exits(1).complains(&["PART"]);
}
