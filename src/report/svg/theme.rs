//! Colours that a page decides: charts are drawn in colours that stand for roles, and these are replaced in the finished
//! picture by variables of the page's style, so that one picture is right in light and in dark.

use plotters::style::RGBColor;

/// Text and axes.
pub(super) const FORE: RGBColor = RGBColor(1, 2, 3);
/// Grid lines.
pub(super) const GRID: RGBColor = RGBColor(4, 5, 6);
/// The background of the picture.
pub(super) const BACK: RGBColor = RGBColor(7, 8, 9);

/// Series that have colours of their own; more begin again, with other symbols and dashes.
pub(super) const SERIES: usize = 8;

/// The colour that stands for a series. Its number is in it, so that its marks are found again.
pub(super) fn series(index: usize) -> RGBColor {
    RGBColor(200, (index / 256) as u8, (index % 256) as u8)
}

/// The colours of the series for light pages and dark ones: Okabe and Ito, "Color Universal Design" (2008), darkened or
/// lightened where the contrast with the page would be below three.
const PALETTE: [[&str; 2]; SERIES] = [
    ["#0072b2", "#56b4e9"],
    ["#c04f00", "#e69f00"],
    ["#00795a", "#2ec49a"],
    ["#a8497f", "#e08fbd"],
    ["#5c6670", "#b8c2cc"],
    ["#8a6d00", "#f0e442"],
    ["#3f5fbf", "#9bb0ff"],
    ["#b3261e", "#ff8a80"],
];

/// The style that a page needs for its charts.
pub fn style() -> String {
    let rule = |theme: usize| {
        let colours = PALETTE.iter().enumerate().map(|(i, colours)| format!("--series{i}: {};", colours[theme]));
        colours.collect::<Vec<_>>().join(" ")
    };
    let (light, dark) = (rule(0), rule(1));
    format!(
        ":root {{ {light} }}\n@media (prefers-color-scheme: dark) {{ :root:not([data-theme=\"light\"]) {{ {dark} }} }}\n\
         :root[data-theme=\"dark\"] {{ {dark} }}\n@media print {{ :root, :root[data-theme=\"dark\"], :root:not([data-theme=\"light\"]) {{ {light} }} }}\n"
    )
}

/// The variable for a series, with the light colour for where there is no page around the picture.
pub(super) fn variable(index: usize) -> String {
    let place = index % SERIES;
    format!("var(--series{place}, {})", PALETTE[place][0])
}
