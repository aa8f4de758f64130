//! The rules of the style sheet; the colours are those of `corpusmill_page`.

pub(super) const RULES: &str = "*{box-sizing:border-box}\
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}\
body{margin:0;background:var(--page);color:var(--ink);font:1rem/1.55 system-ui,-apple-system,\"Segoe UI\",Roboto,\
\"Noto Sans\",\"Liberation Sans\",sans-serif;overflow-wrap:anywhere}\
.frame{max-width:76rem;margin:0 auto;padding:2rem 1.25rem 3rem;display:grid;grid-template-columns:minmax(0,1fr);gap:1rem 3rem}\
h1,h2,h3{line-height:1.25;margin:0}\
h1{font-size:2rem;letter-spacing:-.01em}\
h2{font-size:1.35rem;padding-top:1.25rem;margin:2.25rem 0 .75rem;border-top:1px solid var(--line)}\
h3{font-size:1rem;margin:1.5rem 0 .25rem}\
p{margin:.5rem 0;max-width:46rem}\
code,.mono{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,\"Liberation Mono\",monospace;font-size:.875em}\
a{color:var(--kept)}\
:focus-visible{outline:2px solid var(--kept);outline-offset:2px}\
.soft,.note{color:var(--soft)}.note{font-size:.9rem}\
.skip{position:absolute;left:-999rem}.skip:focus{position:static}\
.lead{font-size:1.1rem;color:var(--soft);white-space:pre-line}\
.kind{color:var(--soft);font-size:.9rem;margin:0 0 .25rem}\
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(10.5rem,1fr));gap:1rem;margin:1.5rem 0}\
.tiles div{border-left:3px solid var(--kept);padding-left:.6rem}\
.tiles dt{color:var(--soft);font-size:.85rem}\
.tiles dd{margin:0;font-size:1.15rem;font-weight:600;overflow-wrap:normal;line-height:1.3;font-variant-numeric:tabular-nums}\
.tiles dd small{display:block;font-size:.85rem;font-weight:400;color:var(--soft)}\
.facts{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:.25rem 1.25rem;margin:1rem 0;font-size:.9rem}\
.facts dt{color:var(--soft)}.facts dd{margin:0}.facts .mono{font-size:1em}\
nav ul{list-style:none;margin:0;padding:0;display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;font-size:.95rem}\
nav a{text-decoration:none}nav a:hover{text-decoration:underline}\
.notice{background:var(--notice);border-left:3px solid var(--gone);padding:.6rem .9rem}\
.scroll{overflow-x:auto;margin:.75rem 0}\
table{border-collapse:collapse;width:100%;font-size:.9rem;font-variant-numeric:tabular-nums;overflow-wrap:normal}\
th,td{padding:.35rem .9rem .35rem 0;text-align:left;vertical-align:top;border-bottom:1px solid var(--line)}\
th:last-child,td:last-child{padding-right:.25rem}\
thead th{color:var(--soft);font-weight:500;font-size:.85rem;vertical-align:bottom}\
tbody th{font-weight:500;min-width:7rem;max-width:20rem;overflow-wrap:anywhere}\
tfoot th,tfoot td{font-weight:600;border-bottom:0}\
.stages{table-layout:fixed;min-width:50rem}.stages td:has(.bar),.stages .wide{width:24%}.stages thead th:first-child{width:15%}\
.n{text-align:right;white-space:nowrap}\
td .bar{min-width:7rem}td:has(.bar){width:30%}td:has(code){min-width:16rem;overflow-wrap:anywhere}\
svg{display:block;width:100%}\
.bar{height:.8rem;margin:.3rem 0;overflow:hidden}\
.track{fill:var(--track)}.kept{fill:var(--kept)}\
.gone{fill:var(--gone);fill-opacity:.18;stroke:var(--gone);stroke-width:2}\
.funnel{list-style:none;margin:1rem 0;padding:0}\
.funnel li{display:grid;grid-template-columns:13rem minmax(0,1fr) 13rem;gap:0 1rem;align-items:center}\
.funnel .slope{grid-column:2}.funnel .name{grid-column:1;font-size:.95rem}.funnel .figures{text-align:right;line-height:1.3;font-size:.95rem}\
.funnel .figures .soft{display:block;font-size:.85rem}\
.level{height:100%;min-height:2.75rem;contain:size}.slope{height:1.25rem}.slope polygon{fill:var(--kept);fill-opacity:.25}\
.figures{font-variant-numeric:tabular-nums}\
details>summary{cursor:pointer}\
.group{border:1px solid var(--line);border-radius:6px;padding:.5rem .9rem;margin:.6rem 0}\
.group .scroll{margin-bottom:0}.group tr:last-child>*{border-bottom:0}\
.rules{padding-left:0;margin:1rem 0;list-style:none}\
.rules>li{padding:.5rem 0;border-bottom:1px solid var(--line)}\
.rule{display:grid;grid-template-columns:minmax(0,17rem) minmax(4rem,1fr) 16rem;gap:0 1rem;align-items:center}\
.rule .figures{text-align:right}\
.rules summary{font-size:.9rem;color:var(--soft)}\
.samples{list-style:none;margin:.5rem 0 .5rem .25rem;padding:0 0 0 1rem;border-left:3px solid var(--line)}\
.samples li+li{margin-top:1rem}\
.samples p{margin:.15rem 0;max-width:none;font-size:.9rem}.origin{font-weight:600}.measured{color:var(--soft)}\
blockquote{margin:.3rem 0;padding:.5rem .75rem;background:var(--track);border-radius:4px;white-space:pre-wrap;\
font-size:.9rem;max-height:18rem;overflow:auto;contain:paint;unicode-bidi:isolate}\
.pairs{list-style:none;margin:1rem 0;padding:0}\
.pairs li{display:grid;grid-template-columns:minmax(0,12rem) minmax(4rem,1fr) 9rem;gap:0 1rem;align-items:center;padding:.35rem 0}\
.pairs .bar{margin:.2rem 0}.pairs .figures{text-align:right;font-size:.9rem;line-height:1.35}\
.plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,24rem),1fr));gap:1.5rem 2.5rem}\
figure{margin:0;min-width:0}figcaption p{margin:0;font-size:.9rem}figcaption h3{margin-top:.25rem}\
.plot{height:auto;max-width:34rem}.plot text{fill:var(--soft);font-size:11px}\
.grid{stroke:var(--line);stroke-width:1}.tick{stroke:var(--soft);stroke-width:1}\
figure summary{font-size:.9rem;color:var(--soft)}\
footer{margin-top:3rem;color:var(--soft);font-size:.85rem}\
@media(min-width:64rem){.frame{grid-template-columns:10rem minmax(0,1fr)}header{grid-column:1/-1}\
nav{position:sticky;top:1.5rem;align-self:start;padding-top:1.25rem}main>section:first-child h2{margin-top:0}nav ul{flex-direction:column}}\
@media(max-width:40rem){.frame{padding:1.25rem 1rem 2rem}h1{font-size:1.6rem}\
.rule{grid-template-columns:minmax(0,1fr)}.rule .figures{text-align:left}\
.pairs li{grid-template-columns:minmax(0,1fr) auto}.pairs .pair{grid-column:1/-1;grid-row:2}\
.funnel li{grid-template-columns:minmax(0,1fr) max-content}.funnel .slope{display:none}\
.funnel .level{grid-column:1/-1;grid-row:2;height:1.1rem;min-height:0}.funnel li+li{margin-top:.6rem}\
.facts{grid-template-columns:minmax(0,1fr)}.facts dd{margin-bottom:.4rem}}\
@media print{:root{color-scheme:light;--page:#fff;--ink:#000;--soft:#444;--line:#bbb;--track:#eee;--kept:#2a6f97;\
--gone:#a8480f;--notice:#fff}html{font-size:9.5pt}.stages{min-width:0}.frame{display:block;padding:0;max-width:none}nav,.skip{display:none}\
.scroll,blockquote{overflow:visible;max-height:none}h2,h3,summary{break-after:avoid}\
tr,figure,.rules>li,.pairs li,.funnel li{break-inside:avoid}.group{border-color:#bbb}\
.group::details-content{content-visibility:visible;display:block}}";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn style_sheet_is_self_contained() {
        let sheet = RULES;
        assert!(!["url(", "@import", "@font-face", "</", "//"].iter().any(|load| sheet.contains(load)));
        assert_eq!(sheet.matches('{').count(), sheet.matches('}').count());
    }
}
