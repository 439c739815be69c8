//! Two replicas in processes of their own, of which one notifies: the leader is killed in a storm of
//! alerts, again and again.
//!
//! ## What is counted
//! Each alert has a group of its own, so that it is to be told once when it fires and once when it
//! has ended. What comes twice must be what the next leader says in its timeline may come twice: an
//! attempt that was under way when its replica died. `BELLWETHER_LEADER_KILLS` says how often the
//! leader is killed, 3 times by default.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bellwether_blackbox::hook::Hook;
use bellwether_blackbox::peer::output;
use bellwether_blackbox::postgres::PostgresServer;
use bellwether_blackbox::storm::{Storm, words};
use bellwether_blackbox::{Server, eventually};
use serde_json::Value;

/// The bar: another replica leads after at most this.
const TAKEOVER_MAX: Duration = Duration::from_secs(15);
/// Alerts that begin with each death, in some waves, and between which of them it comes.
const WAVES: usize = 10;
const WAVE_ALERTS: usize = 10;
/// Time between two waves, and between two looks at who leads.
const PAUSE: Duration = Duration::from_millis(50);
/// What was sent before a death may be read so much after it.
const READ_LATER_MAX: Duration = Duration::from_millis(500);
/// How often a sender repeats what it has said.
const REPEAT: Duration = Duration::from_millis(500);

fn kills() -> usize {
    let kills = std::env::var("BELLWETHER_LEADER_KILLS").ok();
    kills.and_then(|text| text.parse().ok()).unwrap_or(3)
}

/// Two servers with one lease.
struct Pair {
    folder: tempfile::TempDir,
    /// What follows the name in the section `replicas`.
    place: String,
    servers: [Option<Server>; 2],
}

impl Pair {
    /// Two servers that tell a path of a hook.
    async fn start(hook: &Hook, path: &str, place: &str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let rules = "groups:\n- name: storm\n  rules:\n  - alert: Storm\n    expr: storm > 0\n";
        std::fs::write(folder.path().join("rules.yml"), rules)?;
        let notifications = format!(
            "route: {{ receiver: hook, group_by: [id], group_wait: 0s, group_interval: 1s, \
             repeat_interval: 4h }}\nreceivers:\n- name: hook\n  webhook_configs: [{{ url: \
             '{}{path}' }}]\n",
            hook.url
        );
        std::fs::write(folder.path().join("alertmanager.yml"), notifications)?;
        let mut pair = Self {
            folder,
            place: place.to_owned(),
            servers: [None, None],
        };
        for which in 0..2 {
            pair.start_one(which).await?;
        }
        Ok(pair)
    }

    async fn start_one(&mut self, which: usize) -> Result<()> {
        let name = ["a", "b"][which];
        let shared = self.folder.path();
        let config = format!(
            "global: {{ evaluation_interval: 1s }}\nrule_files: ['{}']\nreplicas: {{ name: {name}, \
             {} }}\n",
            shared.join("rules.yml").display(),
            self.place
        );
        let folder = shared.join(name);
        std::fs::create_dir_all(&folder)?;
        let file = shared.join("alertmanager.yml").display().to_string();
        let flags = ["--alertmanager-config", file.as_str()];
        self.servers[which] = Some(Server::start_in(&folder, &config, &flags).await?);
        Ok(())
    }

    fn running(&self) -> impl Iterator<Item = &Server> {
        self.servers.iter().flatten()
    }

    /// Who leads, and under which token.
    async fn leader(&self) -> Result<Option<(usize, u64)>> {
        let mut leader = None;
        for (which, server) in self.servers.iter().enumerate() {
            let Some(server) = server else { continue };
            let status = replica(server).await?;
            if status["leads"] == true {
                ensure!(leader.is_none(), "both lead");
                leader = Some((which, status["token"].as_u64().context("no token")?));
            }
        }
        Ok(leader)
    }

    async fn until_one_leads(&self) -> Result<(usize, u64)> {
        eventually("one leads", || async {
            self.leader().await?.context("nobody leads")
        })
        .await
    }

    /// The one that leads and the other.
    fn by_role(&self, leading: usize) -> Result<(&Server, &Server)> {
        let one = |which: usize| self.servers[which].as_ref().context("a server is gone");
        Ok((one(leading)?, one(1 - leading)?))
    }

    async fn speak(&self, storm: &Storm) -> Result<()> {
        for server in self.running() {
            storm.speak(server).await?;
        }
        Ok(())
    }

    /// Speaks until both know the same alerts, as they are.
    async fn until_both_know(&self, storm: &Storm) -> Result<()> {
        eventually("both replicas know all alerts", || async {
            self.speak(storm).await?;
            for server in self.running() {
                storm.is_known_to(server).await?;
            }
            ensure!(self.running().count() == 2);
            Ok(())
        })
        .await
    }

    /// How often each group was begun to be told though that may come twice, as the timelines say.
    async fn explained(&self) -> Result<BTreeMap<String, usize>> {
        let mut explained = BTreeMap::new();
        for server in self.running() {
            let query = [("kind", "notifying"), ("limit", "50000")];
            let (_, body) = server.get("/api/bellwether/v1/timeline", &query).await?;
            let answer: Value = serde_json::from_str(&body)?;
            let rows = answer["data"]["rows"].as_array().context("no rows")?;
            for row in rows {
                if row["cause"]
                    .as_str()
                    .is_some_and(|cause| cause.contains("may come twice"))
                {
                    let id = row["labels"]["id"].as_str().context("no id")?;
                    *explained.entry(id.to_owned()).or_default() += 1;
                }
            }
        }
        Ok(explained)
    }
}

async fn replica(server: &Server) -> Result<Value> {
    let (_, body) = server.get("/api/bellwether/v1/status", &[]).await?;
    let mut status: Value = serde_json::from_str(&body)?;
    Ok(status["replica"].take())
}

/// What deaths have cost.
#[derive(Default)]
struct Report {
    /// From the death to when another leads.
    takeovers: Vec<Duration>,
    /// From the death to when all that began with it was told.
    told_after: Vec<Duration>,
    deaths: Vec<Instant>,
}

impl Report {
    #[expect(
        clippy::print_stdout,
        reason = "these are the figures that the bar is about"
    )]
    fn print(
        &self,
        what: &str,
        notifications: usize,
        alerts: usize,
        twice: usize,
        explained: usize,
    ) {
        let spread = |times: &[Duration]| {
            if times.is_empty() {
                return "not measured".to_owned();
            }
            let mut times = times.to_vec();
            times.sort();
            let at = |at: usize| times.get(at).copied().unwrap_or_default();
            format!(
                "min {:.2?}, median {:.2?}, max {:.2?}",
                at(0),
                at(times.len() / 2),
                at(times.len().saturating_sub(1))
            )
        };
        println!(
            "{what}: {} leaders killed; takeover {}; all told after {}; {alerts} alerts, \
             {notifications} notifications, {twice} came twice, {explained} attempts under way at a \
             death",
            self.deaths.len(),
            spread(&self.takeovers),
            spread(&self.told_after),
        );
    }
}

/// Kills the leader while alerts begin and end. Alternately the dead one comes back when another leads,
/// and at once.
async fn storms(what: &str, place: &str) -> Result<()> {
    let hook = Hook::start().await?;
    let mut pair = Pair::start(&hook, "/ok", place).await?;
    let mut storm = Storm::default();
    let mut report = Report::default();
    for kill in 0..kills() {
        let (dying, token) = pair.until_one_leads().await?;
        pair.until_both_know(&storm).await?;
        // What fired in the round before ends while others begin.
        storm.end();
        for wave in 0..WAVES {
            storm.begin(WAVE_ALERTS);
            pair.speak(&storm).await?;
            // At once, while what was just said is about to be told.
            if wave == kill * 3 % WAVES {
                let leader = pair.servers[dying].take().context("the leader is gone")?;
                leader.kill().await?;
                report.deaths.push(Instant::now());
            }
            tokio::time::sleep(PAUSE).await;
        }
        let death = *report.deaths.last().context("nobody died")?;
        if kill % 2 == 1 {
            pair.start_one(dying).await?;
        }
        let (mut takeover, mut spoken) = (None, Instant::now());
        loop {
            if takeover.is_none() {
                let leader = pair.leader().await?.filter(|(_, now)| *now > token);
                takeover = leader.map(|_| death.elapsed());
                let waited = takeover.unwrap_or(death.elapsed());
                ensure!(
                    waited <= TAKEOVER_MAX,
                    "death {kill}: nobody leads after {waited:?}"
                );
            }
            let known = words(&hook.told());
            let is_told = storm.expected().iter().all(|word| known.contains_key(word));
            if let Some(takeover) = takeover
                && is_told
            {
                report.takeovers.push(takeover);
                report.told_after.push(death.elapsed());
                break;
            }
            ensure!(
                death.elapsed() < Duration::from_secs(60),
                "death {kill}: not all alerts are told"
            );
            if spoken.elapsed() >= REPEAT {
                pair.speak(&storm).await?;
                spoken = Instant::now();
            }
            tokio::time::sleep(PAUSE).await;
        }
        if pair.servers[dying].is_none() {
            pair.start_one(dying).await?;
        }
    }
    storm.end();
    pair.until_both_know(&storm).await?;
    eventually("all ends are told", || async {
        let known = words(&hook.told());
        ensure!(storm.expected().iter().all(|word| known.contains_key(word)));
        Ok(())
    })
    .await?;
    judge(what, &pair, &hook, &storm, &report).await
}

/// Every word was told once, or it says itself why it was told again.
async fn judge(what: &str, pair: &Pair, hook: &Hook, storm: &Storm, report: &Report) -> Result<()> {
    let told = hook.told();
    let known = words(&told);
    let odd: Vec<_> = known
        .keys()
        .filter(|word| !storm.expected().contains(*word))
        .collect();
    ensure!(odd.is_empty(), "nobody spoke of {odd:?}");
    let explained = pair.explained().await?;
    let mut twice: BTreeMap<&str, usize> = BTreeMap::new();
    for ((id, _), times) in &known {
        *twice.entry(id).or_default() += times.len() - 1;
        for pair in times.windows(2) {
            let is_over_a_death = report
                .deaths
                .iter()
                .any(|death| pair[0] <= *death + READ_LATER_MAX && *death <= pair[1]);
            ensure!(
                is_over_a_death,
                "{id} came twice without a death in between: {times:?}"
            );
        }
    }
    for (id, count) in &twice {
        let may = explained.get(*id).copied().unwrap_or(0);
        ensure!(
            *count <= may,
            "{id} came {count} times too often, {may} of them are explained"
        );
    }
    let (twice, explained) = (twice.values().sum(), explained.values().sum());
    report.print(what, told.len(), storm.len(), twice, explained);
    Ok(())
}

#[tokio::test]
async fn leaders_with_a_lease_in_a_folder_may_die() -> Result<()> {
    let shared = tempfile::tempdir()?;
    let place = format!("file: {{ folder: '{}' }}", shared.path().display());
    storms("file lease", &place).await
}

#[tokio::test]
async fn leaders_with_a_lease_in_postgresql_may_die() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let postgres = PostgresServer::start(folder.path()).await?;
    let place = format!("postgres: {{ url: '{}' }}", postgres.url("disable"));
    storms("PostgreSQL lease", &place).await
}

#[tokio::test]
async fn what_is_said_on_one_holds_on_both_and_how_they_stand_is_shown() -> Result<()> {
    let hook = Hook::start().await?;
    let shared = tempfile::tempdir()?;
    let place = format!("file: {{ folder: '{}' }}", shared.path().display());
    let mut pair = Pair::start(&hook, "/ok", &place).await?;
    let (leading, token) = pair.until_one_leads().await?;
    let (leader, waiting) = pair.by_role(leading)?;

    // A silence that somebody sets where nobody notifies.
    let silence = serde_json::json!({
        "matchers": [{ "name": "id", "value": "quiet", "isRegex": false }],
        "startsAt": "2020-01-01T00:00:00Z", "endsAt": "2100-01-01T00:00:00Z",
        "createdBy": "ada", "comment": "upgrade",
    });
    let url = format!("{}/am/api/v2/silences", waiting.url);
    let answer = waiting.client.post(url).json(&silence).send().await?;
    ensure!(answer.status().is_success(), "{}", answer.text().await?);
    eventually("the leader knows the silence", || async {
        let (_, body) = leader.get("/am/api/v2/silences", &[]).await?;
        ensure!(body.contains("upgrade"), "{body}");
        Ok(())
    })
    .await?;
    for id in ["quiet", "loud"] {
        let alert = serde_json::json!([{ "labels": { "alertname": "A", "id": id } }]);
        let url = format!("{}/am/api/v2/alerts", leader.url);
        leader.client.post(url).json(&alert).send().await?;
    }
    eventually("the other alert is told", || async {
        ensure!(!hook.told().is_empty());
        Ok(())
    })
    .await?;
    let known: Vec<_> = words(&hook.told()).into_keys().collect();
    ensure!(
        known == [("loud".to_owned(), "firing".to_owned())],
        "{known:?}"
    );

    let (_, metrics) = leader.get("/metrics", &[]).await?;
    ensure!(
        metrics.contains("\nbellwether_replica_leading 1\n"),
        "{metrics}"
    );
    let (_, metrics) = waiting.get("/metrics", &[]).await?;
    ensure!(
        metrics.contains("\nbellwether_replica_leading 0\n"),
        "{metrics}"
    );
    ensure!(
        metrics.contains(&format!("\nbellwether_replica_lease_token {token}\n")),
        "{metrics}"
    );
    let mut amtool = tokio::process::Command::new("amtool");
    amtool.args(["cluster", "show", "--alertmanager.url"]);
    let shown = output(amtool.arg(format!("{}/am", waiting.url))).await?;
    let names = [["a", "b"][leading], ["b", "a"][leading]];
    ensure!(
        shown.contains("ready") && names.iter().all(|name| shown.contains(name)),
        "{shown}"
    );
    let status = bellwether_blackbox::run(&["status", "--url", &waiting.url]).await?;
    let status = String::from_utf8_lossy(&status.stdout).into_owned();
    let line = format!("replica    {} waits; {} notifies", names[1], names[0]);
    ensure!(status.contains(&line), "{status}");

    // A reload cannot change the section, and says so.
    let file = waiting.folder.join("bellwether.yml");
    let text = std::fs::read_to_string(&file)?;
    std::fs::write(
        &file,
        text.replace("replicas: { ", "replicas: { ttl: 20s, "),
    )?;
    waiting.signal("HUP").await?;
    eventually("the operator is told", || async {
        let (_, body) = waiting.get("/api/v1/notifications", &[]).await?;
        ensure!(body.contains("replicas: the section has changed"), "{body}");
        Ok(())
    })
    .await?;

    // One that ends in order leaves it to the other, which tells nothing again.
    let leader = pair.servers[leading].take().context("the leader is gone")?;
    ensure!(leader.terminate().await? == Some(0));
    let (now, greater) = pair.until_one_leads().await?;
    ensure!(now != leading && greater > token);
    ensure!(hook.told().len() == 1, "{:?}", hook.told());
    Ok(())
}

#[tokio::test]
async fn an_attempt_under_way_at_a_death_comes_twice_and_says_why() -> Result<()> {
    let hook = Hook::start().await?;
    let shared = tempfile::tempdir()?;
    let place = format!("file: {{ folder: '{}' }}", shared.path().display());
    // Its answer takes longer than the leader lives.
    let mut pair = Pair::start(&hook, "/slow", &place).await?;
    let (dying, _) = pair.until_one_leads().await?;
    let mut storm = Storm::default();
    storm.begin(2);
    pair.speak(&storm).await?;
    eventually("both attempts are under way", || async {
        ensure!(words(&hook.told()).len() == 2);
        Ok(())
    })
    .await?;
    let leader = pair.servers[dying].take().context("the leader is gone")?;
    leader.kill().await?;
    let report = Report {
        deaths: vec![Instant::now()],
        ..Report::default()
    };
    eventually("the other has told both again", || async {
        ensure!(hook.told().len() == 4, "{:?}", hook.told());
        Ok(())
    })
    .await?;
    pair.start_one(dying).await?;
    pair.until_both_know(&storm).await?;
    ensure!(pair.explained().await?.len() == 2);
    judge("slow receiver", &pair, &hook, &storm, &report).await
}
