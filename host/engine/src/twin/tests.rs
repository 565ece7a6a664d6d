use bulkhead_model::{BackupId, Report};

use super::*;

fn twin(settings: &[(&str, &str)], zone: &str) -> Twin {
    let mut twin = Twin { local_time: zone.parse().ok(), ..Twin::default() };
    settings.iter().for_each(|(name, value)| twin.take(name, value));
    twin
}

fn backup(id: &str, twin: Option<&Twin>, is_log: bool) -> (BackupId, Report) {
    let mut report = Report::default();
    if let Some(twin) = twin {
        twin.add_to(&mut report, is_log);
    }
    (id.parse().unwrap(), report)
}

type Said = (BackupId, Report);

fn choose(base: &Said, logs: &[Said], live: Option<&Twin>, installs: bool) -> Result<Wanted> {
    let logs: Vec<_> = logs.iter().map(|(id, report)| (id, report)).collect();
    Wanted::choose(&base.1, &logs, live, installs)
}

const BASE: &str = "00000000000000000000000000000001:shop:mariadb";
const LOG: &str = "00000000000000000000000000000002:shop:mariadb";

#[test]
fn what_a_report_says_is_what_was_asked() {
    let asked =
        twin(&[("sql_mode", "ANSI_QUOTES"), ("innodb_page_size", "32768"), ("ft_min_word_len", "2")], "Europe/Berlin");
    assert_eq!(Twin::of(&backup(BASE, Some(&asked), false).1), Some(asked));
    assert_eq!(Twin::of(&Report::default()), None);
}

#[test]
fn a_forged_report_says_nothing_that_is_not_on_the_list() {
    let positions = [
        ("twin.plugin_load", "evil.so"),
        ("twin.sql_mode", "x --init-file=/etc/passwd"),
        ("twin.local_time", "../../etc/passwd"),
        ("twin.beyond", "datadir,sql_mode"),
    ];
    let positions = positions.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let twin = Twin::of(&Report { positions, ..Report::default() }).unwrap();
    assert_eq!((twin.settings, twin.local_time), (Vec::new(), None));
    assert_eq!(twin.beyond, ["sql_mode", "sql_mode"]);
}

#[test]
fn logs_are_replayed_in_the_local_time_in_which_they_were_written() {
    let (berlin, apia) = (twin(&[("sql_mode", "")], "Europe/Berlin"), twin(&[("sql_mode", "")], "Pacific/Apia"));
    let base = backup(BASE, Some(&berlin), false);
    let chosen = choose(&base, &[backup(LOG, Some(&apia), true)], Some(&berlin), false).unwrap();
    assert_eq!(chosen.local_time.unwrap().to_string(), "Pacific/Apia");
    let both = [backup(BASE, Some(&berlin), true), backup(LOG, Some(&apia), true)];
    let refused = choose(&base, &both, None, false).unwrap_err();
    assert!(refused.message.contains("Europe/Berlin") && refused.message.contains("Pacific/Apia"), "{refused}");
}

#[test]
fn settings_are_those_under_which_the_logs_were_written() {
    let (then, now) =
        (twin(&[("div_precision_increment", "4")], "UTC"), twin(&[("div_precision_increment", "12")], "UTC"));
    let base = backup(BASE, Some(&then), false);
    let settings = |logs: &[Said], live| choose(&base, logs, live, false).unwrap();
    assert_eq!(settings(&[], Some(&now)).settings, [("div_precision_increment", "4".to_owned())]);
    assert_eq!(
        settings(&[backup(LOG, Some(&now), true)], Some(&now)).settings,
        [("div_precision_increment", "12".to_owned())]
    );
    let unknown = settings(&[backup(LOG, Some(&now), true)], None);
    assert_eq!(unknown.settings, [("div_precision_increment", "4".to_owned())]);
    assert!(unknown.warnings[0].contains("changed between"), "{:?}", unknown.warnings);
}

#[test]
fn a_new_data_directory_is_laid_out_for_the_server_that_will_open_it() {
    let dumped = twin(&[("innodb_page_size", "16384")], "UTC");
    let live = twin(&[("innodb_page_size", "32768"), ("innodb_data_file_path", "ibdata1:64M:autoextend")], "UTC");
    let base = backup(BASE, Some(&dumped), false);
    let chosen = choose(&base, &[], Some(&live), true).unwrap();
    assert!(chosen.settings.contains(&("innodb_page_size", "32768".to_owned())), "{:?}", chosen.settings);
    // What was copied brings its own.
    assert_eq!(choose(&base, &[], Some(&live), false).unwrap().settings, []);
}

#[test]
fn a_setting_that_cannot_be_had_is_refused_by_name() {
    let odd = twin(&[("default_storage_engine", "ROCKSDB")], "UTC");
    let base = backup(BASE, Some(&odd), false);
    let refused = choose(&base, &[], None, true).unwrap_err();
    assert!(refused.message.contains("default_storage_engine"), "{refused}");
    choose(&base, &[], None, false).unwrap();
}
