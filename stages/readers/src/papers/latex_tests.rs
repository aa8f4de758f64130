//! Tests of the LaTeX converter.

use super::latex::to_markdown;
use proptest::prelude::*;

fn text(source: &str) -> String {
    to_markdown(source).text
}

const PAPER: &str = r#"\documentclass[11pt]{article} % class
\usepackage{amsmath}
\newcommand{\R}{\mathbb{R}}
\title{On \emph{Things}\thanks{Grant}}
\begin{document}
\maketitle
\begin{abstract}
We  study
things~\cite{a,b}.
\end{abstract}
\section{Intro}\label{sec:i}
Let $x \in \R$ cost 5\% --- see Section~\ref{sec:i}. %
 Joined ``quotes'' and caf\'e, G\"odel.

\begin{equation}\label{e}
E = mc^2
\end{equation}
\begin{itemize}
\item One
\item Two \begin{enumerate}\item deep\end{enumerate}
\end{itemize}
\begin{lstlisting}[language=Rust]
fn main() {} // 100%
\end{lstlisting}
\begin{table}[h]\begin{tabular}{ll}\toprule a & b\\ \midrule 1 \& 2 & \textbf{3}\\ \end{tabular}\caption{Cap.}\end{table}
\begin{theorem}[Big] True. \end{theorem}
\begin{thebibliography}{9}\bibitem{a} Gone\end{thebibliography}
\end{document}
junk"#;

#[test]
fn converts_a_paper() {
    let paper = to_markdown(PAPER);
    assert_eq!(paper.title.as_deref(), Some("On *Things* (Grant)"));
    let expected = "# On *Things* (Grant)\n\n## Abstract\n\nWe study things.\n\n## Intro\n\nLet $x \\in \\R$ cost 5% — see Section. Joined \
        “quotes” and café, Gödel.\n\n$$\nE = mc^2\n$$\n\n- One\n- Two\n  1. deep\n\n```rust\nfn main() {} // 100%\n```\n\n\
        | a | b |\n| --- | --- |\n| 1 & 2 | **3** |\n\nCap.\n\n**Theorem** (Big). True.\n";
    assert_eq!(paper.text, expected);
}

#[test]
fn code_and_addresses_keep_their_percent_signs() {
    let source =
        "Use \\verb|a%b| and \\verb+\\begin{x}+ in the text. % a comment\nAfter the comment we are 100\\% sure.";
    assert_eq!(text(source), "Use `a%b` and `\\begin{x}` in the text. After the comment we are 100% sure.\n");
    let source = "See \\url{http://x.example/a%20b_c} and \\href{http://y.example/%7Ez}{link}.% note\nEnd.";
    assert_eq!(text(source), "See http://x.example/a%20b_c and [link](http://y.example/%7Ez).End.\n");
    assert_eq!(text("\\footnote{\\url{http://x/~a--b\\%20}} x"), "(http://x/~a--b%20) x\n");
    assert_eq!(text("\\mintinline{c}{5 % 3} \\lstinline[language=C]|%d|"), "`5 % 3` `%d`\n");
    assert_eq!(text("\\begin{comment}\n\\begin{verbatim}\n\\end{comment}\na % b\nc"), "a c\n");
}

#[test]
fn malformed_constructs_lose_nothing_else() {
    assert_eq!(text("a $ b\n\nc $x$ d"), "a b\n\nc $x$ d\n");
    assert_eq!(text("\\begin{align}x &= 1\\label{q}\\end{align}"), "$$\n\\begin{align}x &= 1\\end{align}\n$$\n");
    assert_eq!(text("\\unknown[x]{kept} \\verb|a$b| \\href{u}{t} {\\bf bold}"), "[x]kept `a$b` [t](u) bold\n");
    assert_eq!(text("\\def\\x#1{gone{y}}kept \\c{c}\\v s\\ss{} \\i"), "kept çšß ı\n");
    assert_eq!(text("a\\\\[2pt]b"), "a b\n");
    assert_eq!(text("\\begin{tabular}{l}a\\\\[2pt]b\\end{tabular}"), "| a |\n| --- |\n| b |\n");
    assert_eq!(text("\\begin{itemize} \\item open"), "- open\n");
    assert_eq!(text("\\section{A"), "A\n");
    assert_eq!(text(""), "");
}

#[test]
fn text_that_a_condition_hides_is_no_text() {
    assert_eq!(text("A \\iffalse hidden % \\fi\n old \\fi B"), "A B\n");
    assert_eq!(text("A \\iftrue x \\else y \\fi B"), "A x B\n");
    assert_eq!(text("A \\iffalse\n\nold\n\n\\section{Old}\n\\fi\n\nB"), "A\n\nB\n");
    assert_eq!(text("A \\ifpdf x \\else y \\fi B"), "A x y B\n");
    // The branches of an unknown condition are no one word.
    assert_eq!(text("By \\ifpdf Anonymous\\else Jane Doe\\fi{} of Bern"), "By Anonymous Jane Doe of Bern\n");
    assert_eq!(text("\\ifcase\\x one\\or two\\else many\\fi"), "one two many\n");
    let paper = "\\newif\\iflong\n\\longfalse\n\\begin{document}A \\iflong x \\else y \\fi B\\end{document}";
    assert_eq!(text(paper), "A y B\n");
}

#[test]
fn an_argument_that_is_not_text_is_dropped_and_text_is_written_once() {
    for (source, expected) in [
        ("A \\texorpdfstring{$x$}{x} B", "A $x$ B"),
        ("\\section{A \\texorpdfstring{$x$}{x} B}", "## A $x$ B"),
        ("\\textcolor{red}{t}\\textcolor[rgb]{1,0,0}{u}", "tu"),
        ("\\colorbox{red}{t} \\fcolorbox{red}{blue}{u}", "t u"),
        ("\\parbox[t]{5cm}{t} \\raisebox{2pt}[0pt]{u}", "t u"),
        ("\\resizebox{\\textwidth}{!}{t} \\scalebox{0.5}{u} \\rotatebox[origin=c]{90}{v}", "t u v"),
        ("\\makebox[2cm][l]{t} \\framebox[2cm]{u} \\mbox{v}", "t u v"),
        ("a\\footnotemark[1] b\\footnotetext[1]{t}", "a b (t)"),
        ("\\href[pdfnewwindow]{http://x}{t}", "[t](http://x)"),
        ("\\hyperref[sec:a]{Section 1} \\hyperlink{a}{t} \\hypertarget{a}{u}", "Section 1 t u"),
        ("\\foreignlanguage{french}{t} \\rule{1cm}{2pt}u", "t u"),
        ("\\captionof{figure}[s]{t}", "t"),
        ("\\begin{minipage}[t]{0.5\\textwidth}t\\end{minipage}", "t"),
        ("\\begin{quote} [sic] t\\end{quote}", "[sic] t"),
        ("as \\citealp*{a} and \\parencite[p.~5]{b} [1], \\label{x} [2]", "as and [1], [2]"),
        ("\\begin{itemize}\\mine a\\end{itemize}", "a"),
    ] {
        assert_eq!(text(source), format!("{expected}\n"), "{source}");
    }
}

#[test]
fn numbers_keep_their_value() {
    for (source, expected) in [
        ("5 \\SI{5}{\\percent}, \\qty{3}{\\kilo\\metre} x", "5 5 %, 3 km x"),
        ("10\\textsuperscript{6} and CO\\textsubscript{2}, 2\\textsuperscript{nd}", "10^6 and CO_2, 2nd"),
        ("\\textbf{10\\textsuperscript{6}}0 x\\textsubscript{i}y", "**10^6**0 x_{i}y"),
        ("1\\nicefrac{1}{2} \\unitfrac[5]{m}{s}", "1 1/2 5 m/s"),
        ("5\\,\\textdegree C, 3\\,\\textmu m, \\ensuremath{x^2}", "5 °C, 3 μm, $x^2$"),
    ] {
        assert_eq!(text(source), format!("{expected}\n"), "{source}");
    }
}

#[test]
fn cells_of_a_table_are_in_their_columns() {
    let table = "\\begin{tabular*}{5cm}[t]{l@{ }r}\\multicolumn{2}{c}{Total} & n\\\\*[2pt] \\makecell[l]{a\\\\b} & \
        \\multirow{2}{*}{c} & {d & e}\\\\ f & & g\\end{tabular*}";
    assert_eq!(text(table), "| Total |  | n |\n| --- | --- | --- |\n| a b | c | d & e |\n| f |  | g |\n");
    // Columns in which no cell begins are not written.
    let wide = text(&format!("\\begin{{tabular}}{{c}}a{}\\end{{tabular}}", "&\\multicolumn{999}{c}{b}".repeat(9)));
    assert_eq!(wide, format!("| a |{}\n|{}\n", " b |".repeat(9), " --- |".repeat(10)));
}

#[test]
fn rules_and_verbatim_text_do_not_change_the_cells() {
    for (rows, expected) in [
        ("M & n \\tabularnewline[2pt] \\hline A & 1 \\tabularnewline", "| M | n |\n| --- | --- |\n| A | 1 |"),
        (
            " & \\multicolumn{2}{c}{A} \\\\ \\cmidrule(lr){2-3} B & 1 & 2",
            "|  | A |  |\n| --- | --- | --- |\n| B | 1 | 2 |",
        ),
        ("a \\\\ \\cmidrule[1pt](r){1-1} b \\\\ \\cmidrule{1-1} \\cline{1-1} c", "| a |\n| --- |\n| b |\n| c |"),
        ("\\toprule[1pt] a \\\\ \\midrule[1pt] b \\\\ \\bottomrule[1pt]", "| a |\n| --- |\n| b |"),
        ("a \\\\ \\cdashline{1-1}[1pt/1pt] b \\\\ \\hdashline[1pt/1pt] c", "| a |\n| --- |\n| b |\n| c |"),
        ("a \\\\ \\specialrule{1pt}{2pt}{3pt} b \\\\ \\hhline{|=|} c", "| a |\n| --- |\n| b |\n| c |"),
        (
            "a \\\\ \\Xhline{2pt} b \\\\ \\noalign{\\vskip 2pt} c \\\\ \\addlinespace[2pt]",
            "| a |\n| --- |\n| b |\n| c |",
        ),
        ("a (b) & (c) \\\\ (d) & [e]", "| a (b) | (c) |\n| --- | --- |\n| (d) | [e] |"),
        (
            "O & M\\\\ \\verb|&| & and\\\\ \\verb|a && \\\\b| & x",
            "| O | M |\n| --- | --- |\n| `&` | and |\n| `a && \\\\b` | x |",
        ),
    ] {
        let table = format!("\\begin{{tabular}}{{ll}}{rows}\\end{{tabular}}");
        assert_eq!(text(&table), format!("{expected}\n"), "{rows}");
    }
}

#[test]
fn white_space_can_be_before_the_name_of_an_environment() {
    assert_eq!(text("A.\n\n\\begin {tikzpicture}x\\end {tikzpicture}\n\nB."), "A.\n\nB.\n");
    assert_eq!(
        text("\\begin{quote}a \\begin {quote}b\\end\n{quote} c\\end{quote}\n\nD.").trim_end().lines().last(),
        Some("D.")
    );
    // Other commands are not the end.
    assert_eq!(text("\\begin{comment}x \\endgroup \\end{commentary} y\\end{comment} Z.").trim(), "Z.");
}

#[test]
fn deep_nesting_terminates() {
    text(&"\\emph{".repeat(200_000));
    text(&"\\item[$x$ \\verb|a| ".repeat(100_000));
    text(&format!("\\begin{{a}}{}\\end{{a}}{}", "\\emph{".repeat(100_000), "}".repeat(100_000)));
    text(&format!("{}x{}", "\\begin{quote}".repeat(3000), "\\end{quote}".repeat(3000)));
    text(&"{".repeat(100_000));
    text(&"\\footnote{".repeat(3000));
    assert_eq!(text(&format!("a{}", "\\textsuperscript{*}".repeat(200_000))).len(), 200_002);
}

proptest! {
    #[test]
    fn arbitrary_source_does_not_panic(source in "(\\\\(begin|end)\\{(itemize|align|tabular|verbatim|minipage)\\}|\\\\(iffalse|unless|let|else|fi|SI|num|multicolumn|cmidrule|tabularnewline|verb|textsuperscript)|\\\\[a-z'\"]{1,4}|[{}()|$%&~\\[\\]\\\\é \n]|item){0,60}") {
        text(&source);
    }
}
