//! `command` and `process`, on this host.

use std::fs;
use std::path::Path;
use std::time::Duration;

use bellwether_outbound::settings::{Secret, SecretSource};
use bellwether_storage::{ManualClock, SystemClock};

use super::kit::{LONG, probe};
use crate::module::{
    CommandSettings, LocalProgram, McpSettings, McpTransport, OnTrouble, Pattern, ProcessMatch,
    ProcessSettings,
};
use crate::{Module, ProbeResult, Prober, Verdict};

fn shell(script: &str) -> Prober {
    Prober::Command(Box::new(CommandSettings {
        run: LocalProgram {
            program: "sh".to_owned(),
            arguments: vec!["-c".to_owned(), script.to_owned()],
            environment: vec![(
                "TOKEN".to_owned(),
                SecretSource::Inline(Secret::new("hunter2")),
            )],
            folder: Some("/".into()),
        },
        perfdata: true,
    }))
}

#[tokio::test]
async fn the_exit_code_is_the_verdict_and_the_first_line_the_reason() {
    let check = async |script: &str, verdict: Verdict, reason: Option<&str>| {
        let result = probe(shell(script), "a target that is not looked at").await;
        let text = result.debug_text();
        assert_eq!(
            (result.verdict, result.reason.as_deref()),
            (verdict, reason),
            "{text}"
        );
        assert!(!text.contains("hunter2"), "{text}");
        result
    };
    let result = check("echo 'OK | load=0.5 t=3s'; pwd", Verdict::Up, None).await;
    let text = result.exposition();
    for line in [
        "probe_command_exit_code 0\n",
        "probe_command_perfdata{label=\"load\",unit=\"\"} 0.5\n",
        "probe_command_perfdata{label=\"t\",unit=\"s\"} 3\n",
        "probe_degraded 0\n",
    ] {
        assert!(text.contains(line), "{line}{text}");
    }
    let log = result.debug_text();
    assert!(log.contains("output: /\n"), "{log}");
    let result = check(
        "echo 'WARNING: disk 91 % |x=1'; exit 1",
        Verdict::Degraded,
        Some("WARNING: disk 91 %"),
    )
    .await;
    assert_eq!(result.value("probe_success"), Some(1.0));
    let result = check("echo $TOKEN; exit 2", Verdict::Down, Some("<secret>")).await;
    assert_eq!(result.value("probe_success"), Some(0.0));
    check("echo lost >&2; exit 3", Verdict::Unknown, Some("lost")).await;
    let bare = "the program ended with exit code 77";
    check("exit 77", Verdict::Unknown, Some(bare)).await;
    let killed = "the program ended with signal: 9 (SIGKILL)";
    check("kill -9 $$", Verdict::Unknown, Some(killed)).await;
    // Only what the settings give, and the path (and what the shell sets itself).
    let clean = "test -z \"$HOME$USER$CARGO_MANIFEST_DIR\" && test -n \"$PATH$TOKEN\"";
    check(clean, Verdict::Up, None).await;
    // More than is kept, and a child that holds the output open.
    let long = "yes no | head -c 1000000; exit 2";
    check(long, Verdict::Down, Some("no")).await;
    let result = check("sleep 60 & echo done; exit 2", Verdict::Down, Some("done")).await;
    assert!(result.duration < Duration::from_secs(10));
}

#[tokio::test]
async fn a_program_is_killed_with_what_it_started_when_time_is_over() {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("pids");
    let script = format!("sleep 600 & echo $! $$ > {}; wait", mark.display());
    // Long enough for the shell to say what it has started.
    let short = Duration::from_secs(3);
    let module = Module::new(shell(&script));
    let result = crate::probe(&module, "", short, &SystemClock).await;
    assert_eq!(result.verdict, Verdict::Down);
    assert_eq!(
        result.reason.as_deref(),
        Some("timed out after 3s during run")
    );
    let ids = fs::read_to_string(mark).unwrap();
    for id in ids.split_whitespace() {
        let gone = async {
            // A zombie is gone as well: whoever adopts it reaps it in its own time.
            while fs::read_to_string(format!("/proc/{id}/stat"))
                .is_ok_and(|stat| !stat.contains(") Z "))
            {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(LONG, gone).await.unwrap();
    }
}

#[test]
fn what_runs_on_this_host_is_local() {
    let is_local = |prober| Module::new(prober).is_local();
    let stdio = McpSettings {
        transport: McpTransport::Stdio(LocalProgram::default()),
        ..McpSettings::default()
    };
    let matching = ProcessMatch::ControlGroup(String::new());
    assert!(is_local(Prober::Mcp(Box::new(stdio))));
    assert!(is_local(shell("")));
    assert!(is_local(Prober::Process(Box::new(ProcessSettings::new(
        matching
    )))));
    assert!(!is_local(Prober::Mcp(Box::default())));
    assert!(!is_local(Prober::Llm(Box::default())));
}

/// A process in a folder that looks like `/proc`; `started` in hundredths of a second.
fn put(proc: &Path, id: u32, name: &str, state: &str, started: u32, open: usize) {
    let folder = proc.join(id.to_string());
    fs::create_dir_all(folder.join("fd")).unwrap();
    let zeros = "0 ".repeat(18);
    let stat = format!("{id} ({name}) {state} {zeros}{started} 0 0\n");
    fs::write(folder.join("stat"), stat).unwrap();
    fs::write(folder.join("cmdline"), format!("/opt/{name}\0--serve\0")).unwrap();
    fs::write(folder.join("cgroup"), "0::/system.slice/mcp.service/x\n").unwrap();
    let limits = "Limit  Soft  Hard  Units\nMax open files            10    4096    files\n";
    fs::write(folder.join("limits"), limits).unwrap();
    std::os::unix::fs::symlink(format!("/opt/{name}"), folder.join("exe")).unwrap();
    for number in 0..open {
        fs::write(folder.join(format!("fd/{number}")), "").unwrap();
    }
}

/// Looks at 1,000 s after the system was started.
async fn look(
    proc: &Path,
    matching: ProcessMatch,
    change: impl FnOnce(&mut ProcessSettings),
) -> ProbeResult {
    let mut settings = ProcessSettings::new(matching);
    settings.proc = proc.to_owned();
    change(&mut settings);
    let module = Module::new(Prober::Process(Box::new(settings)));
    let clock = ManualClock::new((5_000 + 1_000) * 1_000);
    crate::probe(&module, "", LONG, &clock).await
}

#[tokio::test]
async fn processes_are_counted_and_judged() {
    let folder = tempfile::tempdir().unwrap();
    let proc = folder.path();
    fs::write(proc.join("stat"), "cpu 1 2 3\nbtime 5000\n").unwrap();
    put(proc, 7, "mcp (old) d", "S", 10_000, 3);
    put(proc, 8, "mcp", "R", 99_000, 10);
    put(proc, 9, "mcp", "Z", 98_000, 0);
    let pattern = |text: &str| Pattern::new(text).unwrap();
    let name = |text: &str| ProcessMatch::Name(pattern(text));
    let nothing = |_: &mut ProcessSettings| {};

    let result = look(proc, name("^mcp \\(old\\) d$"), nothing).await;
    assert_eq!(result.verdict, Verdict::Up, "{}", result.debug_text());
    assert_eq!(result.value("probe_process_count"), Some(1.0));
    assert_eq!(
        result.value("probe_process_youngest_start_time_seconds"),
        Some(5_100.0)
    );
    assert_eq!(
        result.value("probe_process_open_files_ratio_max"),
        Some(0.3)
    );

    let result = look(proc, name("^mcp"), |it| {
        it.restarted_within = Some(Duration::from_secs(60));
    })
    .await;
    assert_eq!(result.verdict, Verdict::Degraded);
    assert_eq!(
        result.reason.as_deref(),
        Some(
            "1 of the processes are zombies, such as 9; \
             a process was started 10 s ago, less than 60; \
             process 8 has 10 of 10 files open, more than 90 %"
        )
    );
    let result = look(proc, name("^mcp$"), |it| it.on_zombie = OnTrouble::Fail).await;
    assert_eq!(result.verdict, Verdict::Down);
    let reason = |result: ProbeResult| result.reason.unwrap_or_default();
    let result = look(proc, name("^other$"), nothing).await;
    assert_eq!(
        reason(result),
        "0 processes whose name matches \"^other$\" run: want at least 1"
    );
    let result = look(proc, name("mcp"), |it| it.count_max = Some(1)).await;
    assert_eq!(
        reason(result),
        "2 processes whose name matches \"mcp\" run: want at most 1"
    );
    for (matching, count) in [
        (ProcessMatch::Executable(pattern("^/opt/mcp$")), 1.0),
        (
            ProcessMatch::CommandLine(pattern("^/opt/mcp --serve$")),
            1.0,
        ),
        (
            ProcessMatch::ControlGroup("/system.slice/mcp.service".to_owned()),
            2.0,
        ),
        (
            ProcessMatch::ControlGroup("/system.slice/mcp".to_owned()),
            0.0,
        ),
    ] {
        let result = look(proc, matching, nothing).await;
        assert_eq!(result.value("probe_process_count"), Some(count));
    }
    let file = proc.join("daemon.pid");
    let of_file = || ProcessMatch::PidFile(file.clone());
    assert!(!look(proc, of_file(), nothing).await.success);
    for (text, success) in [("8\n", true), ("4711", false), ("x", false)] {
        fs::write(&file, text).unwrap();
        assert_eq!(
            look(proc, of_file(), nothing).await.success,
            success,
            "{text}"
        );
    }
    let result = look(Path::new("/no/such"), name("x"), nothing).await;
    assert_eq!(result.verdict, Verdict::Unknown);
}

#[tokio::test]
async fn this_process_is_found_where_it_really_is() {
    let id = std::process::id();
    let exe = fs::read_link(format!("/proc/{id}/exe")).unwrap();
    let pattern = Pattern::new(format!("^{}$", exe.display()).replace('.', "\\.")).unwrap();
    let settings = ProcessSettings::new(ProcessMatch::Executable(pattern));
    let module = Module::new(Prober::Process(Box::new(settings)));
    let result = crate::probe(&module, "", LONG, &SystemClock).await;
    assert!(result.success, "{}", result.debug_text());
    let started = result.value("probe_process_youngest_start_time_seconds");
    use bellwether_storage::Clock as _;
    let age = SystemClock.now_ms() as f64 / 1_000.0 - started.unwrap();
    assert!((-2.0..3_600.0).contains(&age), "{age}");
    assert!(result.value("probe_process_open_files_max").unwrap() > 0.0);
}
