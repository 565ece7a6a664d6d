//! Incremental chains: every link restores, and a broken one is noticed before anything is touched.

use std::fs;

use bulkhead_test_support::Ledger;

use super::scene::{SHOP, Scene, id};
use crate::scene::files;

#[test]
fn a_chain_of_ten_increments_restores_at_each_link_and_a_broken_link_is_refused_before_the_server_stops() {
    let mut scene = Scene::start("methods.incremental = { chain_size_ratio_max = 1000.0 }");
    let refused = scene.host.run(&["backup", "create", "--type", "incremental", "--wait"]).unwrap();
    assert!(refused.code != Some(0) && refused.stderr.contains("full"), "{}", refused.stderr);

    let full = scene.backup("full");
    let mut chain = vec![full.clone()];
    for _ in 0..10 {
        scene.write(30);
        let link = scene.backup("incremental");
        assert_eq!(link["reference_full_backup"], full["id"], "{link}");
        assert_eq!(link["parent_id"], chain.last().unwrap()["id"], "{link}");
        assert_eq!(link["positions"]["lsn.from"], chain.last().unwrap()["positions"]["lsn.to"], "{link}");
        chain.push(link);
    }
    scene.pause();
    let lines: Vec<u64> = chain.iter().map(|link| scene.lines_of(link)).collect();
    assert!(lines.is_sorted_by(|one, next| one < next), "{lines:?}");
    for (link, lines) in chain.iter().zip(&lines).rev() {
        scene.restores_to(&[&id(link)], *lines);
    }

    // The data that a chain continues was replaced: a new chain has to begin.
    let refused = scene.host.run(&["backup", "create", "--type", "incremental", "--wait"]).unwrap();
    assert!(refused.code != Some(0) && refused.stderr.contains("full"), "{}", refused.stderr);

    // A flipped byte in the middle of the chain, then a link that is not there at all.
    let middle = id(&chain[5]);
    let folder = scene.host.bucket().join("acme").join(SHOP);
    let objects: Vec<_> =
        files(&folder).into_iter().filter(|path| path.to_string_lossy().contains(&middle[..32])).collect();
    let data = objects.iter().find(|path| path.to_string_lossy().contains("data.xbstream")).unwrap();
    let sound = fs::read(data).unwrap();
    let mut flipped = sound.clone();
    let at = flipped.len() / 2;
    flipped[at] ^= 0x10;
    fs::write(data, &flipped).unwrap();
    let pid = scene.shop.pid();
    let before = Ledger::check(&scene.shop).unwrap();
    let last = id(chain.last().unwrap());
    let said = scene.refused(&[&last]);
    assert!(said.contains("damaged"), "{said}");
    let shown = scene.verify(&chain[5], "content");
    assert!(shown["suspect"].to_string().contains("damaged"), "{shown}");
    let said = scene.refused(&[&last]);
    assert!(said.contains("damaged"), "{said}");
    fs::remove_file(data).unwrap();
    let said = scene.refused(&[&last]);
    assert!(said.contains("missing"), "{said}");
    assert_eq!(scene.shop.pid(), pid, "the server was restarted for a restore that could not be");
    assert_eq!(Ledger::check(&scene.shop).unwrap(), before);

    // What lies before the broken link is as good as ever.
    scene.restores_to(&[&id(&chain[4])], lines[4]);
}
