//! A page as HTML that needs no other file.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::page::{Block, Page};

impl Page {
    /// The page as HTML; `svg` gives the text of a figure by its name.
    #[must_use]
    pub fn html<'a>(&self, title: &str, svg: impl Fn(&str) -> Option<&'a str>) -> String {
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width";
                title { (title) }
                style { (PreEscaped(STYLE)) }
                @for part in &self.0 { (block(part, &svg)) "\n" }
            }
        };
        page.into_string()
    }
}

const STYLE: &str = "\
:root{color-scheme:light dark}\
body{font:16px/1.5 sans-serif;max-width:1060px;margin:2em auto;padding:0 1em}\
table{border-collapse:collapse;font-size:14px;margin:1em 0;display:block;overflow-x:auto}\
th,td{padding:2px 10px;border-bottom:1px solid #8886;text-align:right;white-space:nowrap}\
th.words,td.words{text-align:left}\
figure{margin:1.5em 0;overflow-x:auto}figure svg{background:#fff;max-width:100%;height:auto}\
figcaption{font-size:14px;opacity:.8}";

fn block<'a>(block: &Block, svg: &impl Fn(&str) -> Option<&'a str>) -> Markup {
    match block {
        Block::Heading(1, words) => html! { h1 { (words) } },
        Block::Heading(2, words) => html! { h2 { (words) } },
        Block::Heading(_, words) => html! { h3 { (words) } },
        Block::Paragraph(words) => html! { p { (words) } },
        Block::Table(header, rows) => table(header, rows),
        Block::List(items) => html! { ul { @for item in items { li { (item) } } } },
        Block::Figure(name, caption) => html! {
            figure {
                (PreEscaped(svg(name).unwrap_or_default()))
                figcaption { (caption) }
            }
        },
    }
}

fn table(header: &[String], rows: &[Vec<String>]) -> Markup {
    // Numbers stand at the right of their column, words at the left.
    let is_number = |cell: &String| {
        let first = cell.chars().next();
        first.is_none_or(|first| first.is_ascii_digit() || "-∞".contains(first))
    };
    let class = |column: usize| {
        let mut cells = rows.iter().filter_map(|row| row.get(column));
        (!cells.all(is_number)).then_some("words")
    };
    let classes: Vec<_> = (0..header.len()).map(class).collect();
    html! {
        table {
            tr { @for (cell, class) in header.iter().zip(&classes) { th class=[*class] { (cell) } } }
            "\n"
            @for row in rows {
                tr { @for (cell, class) in row.iter().zip(&classes) { td class=[*class] { (cell) } } }
                "\n"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_page_cannot_become_markup_and_figures_stay_as_they_are() {
        let mut page = Page::default();
        page.paragraph("a < b & <script>");
        page.table(&["<i>", "n"], vec![vec!["x>".into(), "1".into()]]);
        page.figure("f", "what \"it\" shows");
        let html = page.html("<title>", |name| (name == "f").then_some("<svg/>"));
        assert!(
            html.contains("<p>a &lt; b &amp; &lt;script&gt;</p>"),
            "{html}"
        );
        assert!(
            html.contains("<td class=\"words\">x&gt;</td><td>1</td>"),
            "{html}"
        );
        assert!(html.contains("<figure><svg/><figcaption>"), "{html}");
        assert!(!html.contains("<i>") && html.contains("<title>&lt;title&gt;"));
    }
}
