//! Maps file names to media types of programming and markup languages.
//!
//! The extensions are the common ones of GitHub's Linguist (`languages.yml`); an extension that several languages share
//! maps to the most common one. Media types follow the `text/x-NAME` convention of editors, since few are registered
//! with IANA.
//!
//! Invariant: each extension has one media type; the tables are sorted, which a test checks.

/// Complete file names, lower case.
const FILE_NAMES: &[(&str, &str)] = &[
    ("build.bazel", "text/x-starlark"),
    ("cargo.toml.orig", "text/x-toml"),
    ("cmakelists.txt", "text/x-cmake"),
    ("dockerfile", "text/x-dockerfile"),
    ("gemfile", "text/x-ruby"),
    ("gnumakefile", "text/x-makefile"),
    ("jenkinsfile", "text/x-groovy"),
    ("justfile", "text/x-just"),
    ("makefile", "text/x-makefile"),
    ("meson.build", "text/x-meson"),
    ("rakefile", "text/x-ruby"),
    ("vagrantfile", "text/x-ruby"),
];

/// Extensions without the dot, lower case.
const EXTENSIONS: &[(&str, &str)] = &[
    ("adb", "text/x-ada"),
    ("ads", "text/x-ada"),
    ("agda", "text/x-agda"),
    ("asm", "text/x-asm"),
    ("awk", "text/x-awk"),
    ("bash", "text/x-sh"),
    ("bat", "text/x-batch"),
    ("bzl", "text/x-starlark"),
    ("c", "text/x-c"),
    ("cc", "text/x-c++"),
    ("cjs", "text/javascript"),
    ("cl", "text/x-opencl"),
    ("clj", "text/x-clojure"),
    ("cljs", "text/x-clojure"),
    ("cmake", "text/x-cmake"),
    ("coffee", "text/x-coffeescript"),
    ("cpp", "text/x-c++"),
    ("cr", "text/x-crystal"),
    ("cs", "text/x-csharp"),
    ("css", "text/css"),
    ("cu", "text/x-cuda"),
    ("cuh", "text/x-cuda"),
    ("cxx", "text/x-c++"),
    ("d", "text/x-d"),
    ("dart", "text/x-dart"),
    ("el", "text/x-emacs-lisp"),
    ("elm", "text/x-elm"),
    ("erl", "text/x-erlang"),
    ("ex", "text/x-elixir"),
    ("exs", "text/x-elixir"),
    ("f90", "text/x-fortran"),
    ("fish", "text/x-sh"),
    ("fs", "text/x-fsharp"),
    ("fsx", "text/x-fsharp"),
    ("gleam", "text/x-gleam"),
    ("glsl", "text/x-glsl"),
    ("go", "text/x-go"),
    ("gradle", "text/x-groovy"),
    ("graphql", "text/x-graphql"),
    ("groovy", "text/x-groovy"),
    ("h", "text/x-c"),
    ("hcl", "text/x-hcl"),
    ("hh", "text/x-c++"),
    ("hlsl", "text/x-hlsl"),
    ("hpp", "text/x-c++"),
    ("hrl", "text/x-erlang"),
    ("hs", "text/x-haskell"),
    ("hxx", "text/x-c++"),
    ("idr", "text/x-idris"),
    ("ini", "text/x-ini"),
    ("java", "text/x-java"),
    ("jl", "text/x-julia"),
    ("js", "text/javascript"),
    ("jsx", "text/javascript"),
    ("kt", "text/x-kotlin"),
    ("kts", "text/x-kotlin"),
    ("lean", "text/x-lean"),
    ("less", "text/x-less"),
    ("lisp", "text/x-common-lisp"),
    ("ll", "text/x-llvm"),
    ("lua", "text/x-lua"),
    ("m", "text/x-objective-c"),
    ("mjs", "text/javascript"),
    ("mk", "text/x-makefile"),
    ("ml", "text/x-ocaml"),
    ("mli", "text/x-ocaml"),
    ("mm", "text/x-objective-c"),
    ("mts", "text/x-typescript"),
    ("nim", "text/x-nim"),
    ("nix", "text/x-nix"),
    ("pas", "text/x-pascal"),
    ("php", "text/x-php"),
    ("pl", "text/x-perl"),
    ("pm", "text/x-perl"),
    ("proto", "text/x-protobuf"),
    ("ps1", "text/x-powershell"),
    ("purs", "text/x-purescript"),
    ("py", "text/x-python"),
    ("pyi", "text/x-python"),
    ("pyx", "text/x-cython"),
    ("r", "text/x-r"),
    ("rb", "text/x-ruby"),
    ("rkt", "text/x-racket"),
    ("rs", "text/x-rust"),
    ("s", "text/x-asm"),
    ("sass", "text/x-sass"),
    ("sbt", "text/x-scala"),
    ("scala", "text/x-scala"),
    ("scm", "text/x-scheme"),
    ("scss", "text/x-scss"),
    ("sh", "text/x-sh"),
    ("sol", "text/x-solidity"),
    ("sql", "text/x-sql"),
    ("sv", "text/x-systemverilog"),
    ("svelte", "text/x-svelte"),
    ("swift", "text/x-swift"),
    ("tcl", "text/x-tcl"),
    ("tf", "text/x-hcl"),
    ("toml", "text/x-toml"),
    ("ts", "text/x-typescript"),
    ("tsx", "text/x-typescript"),
    ("v", "text/x-verilog"),
    ("vb", "text/x-vb"),
    ("vhd", "text/x-vhdl"),
    ("vhdl", "text/x-vhdl"),
    ("vim", "text/x-vim"),
    ("vue", "text/x-vue"),
    ("wat", "text/x-wat"),
    ("wgsl", "text/x-wgsl"),
    ("yaml", "text/x-yaml"),
    ("yml", "text/x-yaml"),
    ("zig", "text/x-zig"),
    ("zsh", "text/x-sh"),
];

/// Extensions of prose, without the dot, lower case.
const PROSE_EXTENSIONS: &[(&str, &str)] = &[
    ("adoc", "text/asciidoc"),
    ("asciidoc", "text/asciidoc"),
    ("markdown", "text/markdown"),
    ("md", "text/markdown"),
    ("mdown", "text/markdown"),
    ("mdx", "text/markdown"),
    ("mkd", "text/markdown"),
    ("org", "text/org"),
    ("rst", "text/x-rst"),
];

/// Returns the media type of a source file by its name; `None` for an unknown language.
pub(crate) fn media_type_of(path: &str) -> Option<&'static str> {
    let name = file_name(path).to_ascii_lowercase();
    lookup(FILE_NAMES, &name).or_else(|| lookup(EXTENSIONS, extension(&name)?))
}

/// Returns the media type of a prose file (Markdown, reStructuredText, AsciiDoc, Org) by its name.
pub(crate) fn prose_type_of(path: &str) -> Option<&'static str> {
    let name = file_name(path).to_ascii_lowercase();
    lookup(PROSE_EXTENSIONS, extension(&name)?)
}

/// Returns true for a media type that [`prose_type_of`] returns.
pub(crate) fn is_prose(media_type: &str) -> bool {
    PROSE_EXTENSIONS.iter().any(|(_, known)| *known == media_type)
}

/// Returns the part after the last `/` (or `\`, in names from Windows).
pub(crate) fn file_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

/// Returns the extension of a file name without its dot; a name whose only dot is its first character has none.
pub(crate) fn extension(name: &str) -> Option<&str> {
    let (stem, extension) = name.rsplit_once('.')?;
    (!stem.is_empty() && !extension.is_empty()).then_some(extension)
}

fn lookup(table: &[(&str, &'static str)], key: &str) -> Option<&'static str> {
    table.binary_search_by(|(known, _)| (*known).cmp(key)).ok().map(|found| table[found].1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted_without_duplicates() {
        for table in [FILE_NAMES, EXTENSIONS, PROSE_EXTENSIONS] {
            assert!(table.windows(2).all(|pair| pair[0].0 < pair[1].0));
        }
    }

    #[test]
    fn lookup_ignores_case() {
        assert_eq!(media_type_of("src/lib.rs"), Some("text/x-rust"));
        assert_eq!(media_type_of("a/b/CMakeLists.txt"), Some("text/x-cmake"));
        assert_eq!(media_type_of("a\\B.CPP"), Some("text/x-c++"));
        assert_eq!(media_type_of(".rs"), None);
        assert_eq!(media_type_of("LICENSE"), None);
        assert_eq!(prose_type_of("docs/INDEX.MD"), Some("text/markdown"));
        assert!(is_prose("text/markdown") && !is_prose("text/x-zig"));
    }
}
