use super::*;
use crate::measure::record::schema::{EndRecord, KvRecord};
use crate::report::sample::{recorded, run_with};

fn figure(number: u8, key: &str) -> Figure {
    Figure {
        number,
        key: key.to_owned(),
        title: format!("Figure {number}"),
        question: "Which <roof> binds?".to_owned(),
        statistic: "median".to_owned(),
        n: 3,
        source: "op".to_owned(),
        notes: vec!["2 points were left out".to_owned()],
        svg: "<svg viewBox=\"0 0 10 10\"><rect width=\"5\" height=\"5\"><title>a & b</title></rect></svg>".to_owned(),
        columns: vec!["name".to_owned(), "value".to_owned()],
        rows: vec![vec!["<b>".to_owned(), "1,250".to_owned()]],
    }
}

fn page(records: &[Record], figures: &[Figure]) -> String {
    html(records, figures, &PageOptions::default()).unwrap()
}

#[test]
fn everything_is_in_the_one_file() {
    let page = page(&recorded(), &[figure(3, "time")]);
    assert!(page.starts_with("<!DOCTYPE html>") && page.trim_end().ends_with("</html>"));
    for foreign in ["http://", "https://", "src=", "@import", "url(", "<iframe"] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    let links: Vec<&str> = page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(links.len() > 10 && links.iter().all(|link| link.starts_with('#') || *link == "data:,"), "{links:?}");
    for link in links.iter().filter_map(|link| link.strip_prefix('#')) {
        assert!(page.contains(&format!("id=\"{link}\"")), "{link}");
    }
}

#[test]
fn sections_come_in_their_order_and_begin_with_their_answer() {
    let page = page(&recorded(), &[]);
    let mut from = 0;
    for section in &sections::sections(&Events::of(&recorded()).unwrap(), &[]) {
        let at = page[from..].find(&format!("<section id=\"{}\"", section.id)).expect(section.id) + from;
        assert!(page[at..].split("</h2>").nth(1).unwrap().trim_start().contains("class=\"answer\""));
        from = at;
    }
}

#[test]
fn strangers_text_is_text() {
    let mut records = recorded();
    if let Record::Run(run) = &mut records[0] {
        run.command = "x <img onerror=alert(1)>".to_owned();
    }
    let page = page(&records, &[figure(3, "time")]);
    assert_eq!(page.matches("<script").count(), 2, "the page's own");
    assert_eq!(page.matches("</script>").count(), 2, "the page's own");
    for raw in ["<img", "<i>", "<cat>", "</script><b>", "\u{202e}", "<roof>", "<b>"] {
        assert!(!page.contains(raw), "{raw}");
    }
    assert!(page.contains("\\u{202e}") && page.contains("&lt;cat&gt;"));
    assert!(page.contains("<rect width=\"5\" height=\"5\"><title>a & b</title>"), "a picture is put in as it is");
}

#[test]
fn the_data_can_be_read_again() {
    let page = page(&recorded(), &[]);
    let data = page.split("id=\"data\">").nth(1).unwrap().split("</script>").next().unwrap();
    let data: serde_json::Value = serde_json::from_str(data).unwrap();
    assert_eq!(data["run"]["model"]["name"], "example </script><b>");
    assert_eq!(data["speeds"].as_array().unwrap().len(), 7);
    let run: Record = serde_json::from_value(data["run"].clone()).unwrap();
    assert_eq!(run, recorded()[0]);
}

#[test]
fn an_interrupted_run_says_so() {
    let banner = "This run was interrupted.";
    assert!(!page(&recorded(), &[]).contains(banner));
    let mut cut = recorded();
    cut.pop();
    assert!(page(&cut, &[]).contains(banner));
    cut.push(Record::End(EndRecord { complete: false }));
    assert!(page(&cut, &[]).contains(banner));
}

#[test]
fn what_is_not_in_the_run_is_one_line() {
    let page = page(&run_with([]), &[]);
    let section = page.split("<section id=\"attention\"").nth(1).unwrap().split("</section>").next().unwrap();
    assert!(section.contains("Patterns of attention were not recorded in this run."));
    assert!(!section.contains("<table") && !section.contains("<figure") && !section.contains("<details"));
}

#[test]
fn figures_stand_in_their_sections_each_once() {
    let figures: Vec<Figure> = (1..=40).map(|n| figure(n, &format!("f{n}"))).collect();
    let page = page(&recorded(), &figures);
    assert_eq!(page.matches("<figure ").count(), 40);
    assert_eq!(page.matches("<figcaption>").count(), 40);
    let section =
        |id: &str| page.split(&format!("<section id=\"{id}\"")).nth(1).unwrap().split("</section>").next().unwrap();
    for (id, key) in [("equal", "f23"), ("time", "f14"), ("roofline", "f1"), ("memory", "f26"), ("attention", "f20")] {
        assert!(section(id).contains(&format!("<figure id=\"{key}\"")), "{key} in {id}");
    }
    assert!(section("measurement").contains("<figure id=\"f40\""), "a later chart is shown too");
    let value = page.split("<td class=\"num\" data-value=\"1250").nth(1).expect("a figure's numbers can be sorted");
    assert!(value.contains("1,250"));
}

#[test]
fn what_is_no_run_is_refused() {
    let kv = KvRecord { path: "naive".into(), step: 0, used: 1, reserved: 1, used_bytes: 1, reserved_bytes: 1 };
    for records in [vec![], vec![Record::Kv(kv)]] {
        assert!(matches!(html(&records, &[], &PageOptions::default()), Err(PageError::NoRun)));
    }
    let twice = [figure(1, "x"), figure(2, "x")];
    assert!(
        matches!(html(&recorded(), &twice, &PageOptions::default()), Err(PageError::SameKey { key }) if key == "x")
    );
}

#[test]
fn the_pages_own_javascript_and_style_end_no_element() {
    for own in [include_str!("page.css"), include_str!("page.js")] {
        assert!(!own.contains("</") && !own.contains("<!--"));
    }
}
