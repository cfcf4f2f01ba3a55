use super::*;

fn shown(text: &str, width: usize) -> Vec<String> {
    markdown(text, width).iter().map(|l| l.text().trim_end().to_owned()).collect()
}

const PAGE: &str = include_str!("../../../assets/markdown/page.md");

#[test]
fn a_page_at_two_widths() {
    for width in [40, 80] {
        let lines = shown(PAGE, width);
        assert!(lines.iter().all(|l| cells(l) <= width), "{width}: {lines:#?}");
        insta::with_settings!({ snapshot_path => "../../../assets/markdown", prepend_module_to_snapshot => false,
            omit_expression => true }, {
            insta::assert_snapshot!(format!("page-{width}"), lines.join("\n"));
        });
    }
}

#[test]
fn what_is_emphasized_keeps_its_tone() {
    let lines = markdown("# A `b`\n\nx *y* **z** ~~w~~ `v` [u](https://t.example)\n", 60);
    assert_eq!(lines[0].pieces, [(Tone::Heading, "A b".to_owned())]);
    let tones: Vec<Tone> = lines[2].pieces.iter().filter(|(_, t)| !t.trim().is_empty()).map(|(t, _)| *t).collect();
    let expected = [Tone::Plain, Tone::Emphasis, Tone::Strong, Tone::Struck, Tone::Text, Tone::Link, Tone::Muted];
    assert_eq!(tones, expected);
    let code = markdown("```dockerfile\nFROM a # b\n```", 40);
    assert!(code[0].pieces.contains(&(Tone::Keyword, "FROM".to_owned())), "{code:?}");
}

#[test]
fn code_is_cut_and_never_wrapped() {
    assert_eq!(shown("```\nRUN a very long line indeed\n\n\tx\n```", 20), ["│ RUN a very long l…", "│", "│     x"]);
    assert_eq!(shown("- a\n\n  ```sh\n  ls\n  ```", 20), ["• a", "", "  │ ls"]);
}

#[test]
fn tables_shrink_wrap_and_stand_row_by_row_at_last() {
    let table = "| Name | What it is |\n|---|--:|\n| a | the first of all letters |\n| b\\|c | `x` |\n";
    assert_eq!(
        shown(table, 60),
        [
            "Name                What it is",
            "────  ────────────────────────",
            "a     the first of all letters",
            "b|c                          x"
        ]
    );
    let narrow = shown(table, 20);
    assert!(narrow.iter().all(|l| cells(l) <= 20) && narrow.len() == 5, "{narrow:#?}");
    let wide =
        "|a|b|c|d|e|f|\n|-|-|-|-|-|-|\n|onetwothree|onetwothree|onetwothree|onetwothree|onetwothree|onetwothree|\n";
    assert_eq!(shown(wide, 20)[..2], ["a: onetwothree", "b: onetwothree"]);
}

#[test]
fn hostile_texts_come_out_harmless_and_short() {
    let texts = [
        "\u{1b}[2J\u{7} \u{202e}x [a\u{1b}](http://b\u{9b}) `\u{1b}`\n```\n\u{1b}]0;x\u{7}\n```\n| \u{1b} |\n|--|\n"
            .to_owned(),
        "> ".repeat(3_000) + "x",
        "- ".repeat(3_000) + "x",
        "[".repeat(20_000),
        "*a **b ".repeat(5_000),
        "| a ".repeat(5_000) + "|\n" + &"|-".repeat(5_000) + "|\n" + &"| b ".repeat(5_000),
        "x".repeat(1 << 20),
        "y\n\n".repeat(1 << 18),
        "```\n".to_owned() + &"z\n".repeat(1 << 18),
        "日本語".repeat(1 << 16),
        "1. a\n   1. b\n      1. c\n         - d\n           - e\n             - f\n               - g\n".repeat(50),
        "<!-- a\n\nb --> c <b>d</b>\n\n<div>\n\ne\n\n</div>\n".to_owned(),
    ];
    for text in &texts {
        for width in [0, 12, 40] {
            let lines = markdown(text, width);
            assert!(lines.len() <= MOST_LINES + 1);
            for line in &lines {
                let line = line.text();
                assert!(!line.chars().any(crate::text::is_unsafe));
                assert!(cells(&line) <= width.max(30), "{width}: {line}");
            }
        }
    }
    assert!(shown(&"x\n\n".repeat(1 << 18), 40).last().is_some_and(|l| l.ends_with("are not shown")));
}
