//! The page `/` in a real browser: names are text, changes appear by themselves, nothing is loaded from
//! elsewhere, and no reader is kept from using it.

mod browser;

use browser::{Browser, axe};
use serde_json::Value;

use crate::common::cases::check_each_async;
use crate::common::{Exporter, eventually};
use crate::status::{fault, simulator, yaml};

const PHONE: (u32, u32) = (390, 844);
const DESKTOP: (u32, u32) = (1280, 900);
const WALL: (u32, u32) = (3840, 2160);

const EVIL: &str = "<script>alert(1)</script>";

/// Opens the page of an exporter as soon as it shows what is wanted.
async fn open(browser: &Browser, exporter: &Exporter, wanted: &str) {
    eventually(&format!("the page shows {wanted}"), async || {
        let (_, page) = exporter.get("/").await;
        page.contains(wanted).then_some(())
    })
    .await;
    browser
        .page
        .goto(format!("{}/", exporter.base_url))
        .await
        .unwrap();
}

/// What axe-core finds: the rule and the elements.
async fn violations(browser: &Browser, axe: &str) -> Vec<String> {
    let script = format!(
        "{axe}; const done = arguments[arguments.length - 1]; axe.run().then((r) => done(r.violations.map(\
         (v) => v.id + ': ' + v.nodes.map((n) => n.html + ' ' + n.failureSummary).join(' | '))), (e) => done(['' + e]));"
    );
    let found = browser
        .page
        .execute_async(script, Vec::new())
        .await
        .unwrap();
    serde_json::from_value(found.json().clone()).unwrap()
}

#[tokio::test]
async fn names_are_text_and_the_page_keeps_to_itself() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let simulator = simulator().await;
    let names = format!(
        "names: {{lookup: false, skills: {{101: \"{EVIL}\", 102: \"{EVIL}\", 103: \"{EVIL}\", 104: \"{EVIL}\"}}}}\n"
    );
    let configuration = format!("{}{names}", yaml(&simulator, "demo-secret"));
    let exporter = Exporter::start(&configuration).await;
    open(&browser, &exporter, "Busiest skills").await;
    let text = "[...document.querySelectorAll('.skills span')].some((e) => e.textContent === '";
    browser
        .until(&format!("{text}<script>alert(1)</' + 'script>')"))
        .await;
    browser.page.get_alert_text().await.unwrap_err();
    assert_eq!(browser.value("document.scripts.length").await, 1);
    // Its own refresh is the one request that it makes.
    browser
        .until("performance.getEntriesByType('resource').length > 0")
        .await;
    let foreign = "performance.getEntriesByType('resource').map((e) => e.name)\
                   .filter((name) => name !== location.href && !name.startsWith('data:'))";
    assert_eq!(browser.value(foreign).await, Value::Array(Vec::new()));
    assert_eq!(browser.console().await, Vec::<String>::new());
}

#[tokio::test]
async fn failure_and_recovery_appear_without_a_reload() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let simulator = simulator().await;
    let exporter = Exporter::start(&yaml(&simulator, "demo-secret")).await;
    open(&browser, &exporter, "Everything is fresh").await;
    browser
        .page
        .execute(
            "window.stayed = true; document.querySelector('summary').click();",
            Vec::new(),
        )
        .await
        .unwrap();
    let verdict = "document.querySelector('.verdict h2').textContent";
    fault(&simulator, r#"[{"api": "any", "status": 503, "count": 8}]"#).await;
    browser
        .until(&format!("{verdict} !== 'Everything is fresh'"))
        .await;
    browser
        .until("document.querySelector('.advice') !== null")
        .await;
    browser
        .until(&format!("{verdict} === 'Everything is fresh'"))
        .await;
    assert_eq!(browser.value("window.stayed").await, true);
    assert_eq!(
        browser
            .value("document.querySelector('details').open")
            .await,
        false,
        "as it was left"
    );
    drop(exporter);
    browser
        .until("document.getElementById('connection').textContent !== ''")
        .await;
}

/// Refreshes the page at once.
async fn refresh(browser: &Browser) {
    let event = "document.dispatchEvent(new Event('visibilitychange'));";
    browser.page.execute(event, Vec::new()).await.unwrap();
}

/// Refreshes the page until its line about the connection says this.
async fn refresh_until(browser: &Browser, words: &str) {
    refresh(browser).await;
    browser
        .until(&format!(
            "document.getElementById('connection').textContent === '{words}'"
        ))
        .await;
}

#[tokio::test]
async fn a_refresh_keeps_selections_and_says_what_answers() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let simulator = simulator().await;
    let exporter = Exporter::start(&yaml(&simulator, "demo-secret")).await;
    open(&browser, &exporter, "Everything is fresh").await;
    let url = exporter.base_url.replace("//", "//user:password@");
    browser.page.goto(format!("{url}/")).await.unwrap();
    let run = async |script: &str| {
        browser.page.execute(script, Vec::new()).await.unwrap();
    };
    // The copied text stays selected while the rest is replaced.
    let mark = "document.querySelector('.verdict').dataset.old = 'old';";
    run(&format!("{mark} document.getElementById('copy').click();")).await;
    refresh(&browser).await;
    browser
        .until("document.querySelector('[data-old]') === null")
        .await;
    browser
        .until("getSelection().toString().includes('job_name: liveperson')")
        .await;
    run("window.real = fetch; getSelection().selectAllChildren(document.querySelector('.verdict'));")
        .await;
    let answers = |status: u16| {
        format!("window.fetch = async () => new Response('other', {{status: {status}}});")
    };
    for (status, words) in [
        (429, "The exporter answers 429; what is shown is old."),
        (200, "What answers is not this page; what is shown is old."),
    ] {
        run(&answers(status)).await;
        refresh_until(&browser, words).await;
    }
    run("window.fetch = window.real;").await;
    refresh_until(&browser, "Waits for the end of your selection.").await;
    browser
        .until("getSelection().toString().includes('Everything is fresh')")
        .await;
    run("getSelection().removeAllRanges();").await;
    refresh_until(&browser, "").await;
}

#[tokio::test]
async fn axe_finds_nothing_in_any_state_theme_and_size() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let Some(axe) = axe() else { return };
    let simulator = simulator().await;
    let well = Exporter::start(&yaml(&simulator, "demo-secret")).await;
    let refused = Exporter::start(&yaml(&simulator, "wrong-secret")).await;
    let states = [(&well, "Slowest skills"), (&refused, "What to do")];
    for (exporter, wanted) in states {
        open(&browser, exporter, wanted).await;
        let cases = [
            ("light", PHONE),
            ("dark", PHONE),
            ("light", DESKTOP),
            ("dark", DESKTOP),
            ("dark", WALL),
        ];
        check_each_async(cases, async |(theme, size)| {
            browser.theme(theme).await;
            browser.resize(size).await;
            assert_eq!(violations(&browser, &axe).await, Vec::<String>::new());
            assert_eq!(overflow(&browser).await, 0, "scrolls sideways");
        })
        .await;
    }
}

async fn overflow(browser: &Browser) -> i64 {
    let overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
    browser.value(overflow).await.as_i64().unwrap()
}

#[tokio::test]
async fn five_hundred_accounts_can_be_filtered() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let long = "a very long name of a skill ".repeat(20);
    let accounts: String = (0..500)
        .map(|n| {
            format!(
                "  - {{id: \"{}\", auth: {{oauth2: {{client_id: a, client_secret: b}}}}}}\n",
                70_000 + n
            )
        })
        .collect();
    // Nothing listens there.
    let yaml = format!(
        "accounts:\n{accounts}domain_api: \"http://127.0.0.1:1\"\nnames: {{skills: {{1: \"{long}\"}}}}\n"
    );
    let exporter = Exporter::start(&yaml).await;
    open(&browser, &exporter, "LivePerson cannot be reached").await;
    browser.resize(PHONE).await;
    let shown = "document.querySelectorAll('.account:not([hidden])').length";
    assert_eq!(browser.value(shown).await, 500);
    assert_eq!(overflow(&browser).await, 0, "scrolls sideways");
    let field = browser
        .page
        .find(thirtyfour::By::Css("#filter input"))
        .await
        .unwrap();
    field.send_keys("70499").await.unwrap();
    assert_eq!(browser.value(shown).await, 1);
    // By keyboard alone: the next stop after the filter is within the page, and opens.
    browser
        .page
        .execute(
            "document.querySelector('.account:not([hidden]) summary').focus()",
            Vec::new(),
        )
        .await
        .unwrap();
    let summary = browser.page.active_element().await.unwrap();
    let details = "document.activeElement.parentElement.open";
    let before = browser.value(details).await;
    summary.send_keys(" ").await.unwrap();
    assert_ne!(browser.value(details).await, before);
}

#[tokio::test]
async fn everything_is_there_without_javascript() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let simulator = simulator().await;
    let exporter = Exporter::start(&yaml(&simulator, "demo-secret")).await;
    browser.scripts(false).await;
    open(&browser, &exporter, "Slowest skills").await;
    let height = "document.querySelector('svg').getBoundingClientRect().height";
    assert!(
        browser.value(height).await.as_f64().unwrap() > 50.0,
        "the picture is drawn"
    );
    assert_eq!(
        browser
            .value("document.getElementById('filter').hidden")
            .await,
        true
    );
    let target = exporter.base_url.split("//").nth(1).unwrap();
    let scrape = browser
        .value("document.getElementById('scrape').textContent")
        .await;
    assert!(
        scrape
            .as_str()
            .unwrap()
            .contains(&format!("targets: [\"{target}\"]")),
        "{scrape}"
    );
    assert_eq!(browser.console().await, Vec::<String>::new());
}

/// Not a test: writes the pictures of `docs/img`, by `tests/screenshots`.
#[tokio::test]
#[ignore = "writes pictures"]
async fn write_screenshots() {
    let browser = Browser::start().await.unwrap();
    let simulator = simulator().await;
    let exporter = Exporter::start(&yaml(&simulator, "demo-secret")).await;
    eventually("everything is fresh, with names", async || {
        let (_, page) = exporter.get("/").await;
        (page.contains("Everything is fresh") && page.contains("Tech Support")).then_some(())
    })
    .await;
    open(&browser, &exporter, "Slowest skills").await;
    for (theme, size, name) in [
        ("light", PHONE, "phone-light"),
        ("dark", PHONE, "phone-dark"),
        ("light", DESKTOP, "desktop-light"),
        ("dark", DESKTOP, "desktop-dark"),
    ] {
        browser.theme(theme).await;
        browser.resize(size).await;
        let folder = std::env::var("SCREENSHOTS").expect("tests/screenshots says where");
        let file = format!("{folder}/status-{name}.png");
        browser.page.screenshot(file.as_ref()).await.unwrap();
    }
}
