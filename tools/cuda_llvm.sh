#!/bin/sh
# Puts the LLVM that Burn's CUDA compiler links where its build step looks for it.
#
#   XDG_DATA_HOME="$(tools/cuda_llvm.sh FOLDER)" cargo build --release --workspace \
#       --bin corpusmill-train --features corpusmill-trainer/cuda
#
# The step (tracel-llvm-bundler) downloads a prebuilt LLVM unless its folder exists. PyPI has LLVM 23.1.1, a patch release of
# the version that it wants, as static libraries with headers (mlc-llvm-static, Apache-2.0 with LLVM exception). Only the
# back ends of NVIDIA's cards and of this processor are kept, so that the program stays small. Needs python3 with pip.
set -eu
version=23.1.1.post0
bundler=23.1.0-4
if [ $# -ne 1 ]; then
    echo "usage: tools/cuda_llvm.sh FOLDER" >&2
    exit 2
fi
folder=$(mkdir -p "$1" && cd "$1" && pwd)
prefix=$folder/tracel/tracel-llvm-$bundler
if [ -e "$prefix/.tracel-llvm-installed" ]; then
    echo "$folder"
    exit 0
fi

cat >"$folder/requirements.txt" <<END
mlc-llvm-static==$version --hash=sha256:dcfec888abfaa418be77d41af585805f31463584cf9c90582992c00f392c1ac5
mlc-llvm-static-extra-targets==$version --hash=sha256:c36e834d9a4e9cf9759f27fece65711ece7a2fc2b5a96dbb15d66f5e9e787929
END
python3 -m pip download -q --no-deps --only-binary=:all: --require-hashes -d "$folder/wheels" -r "$folder/requirements.txt" >&2
for wheel in "$folder"/wheels/*.whl; do
    python3 -m zipfile -e "$wheel" "$folder/sdk"
done

# A tree of links, in which only the lists of back ends and llvm-config differ.
sdk=$folder/sdk/mlc_llvm_static/static
mkdir -p "$prefix/bin" "$prefix/include/llvm/Config/mlc-all"
for name in "$sdk"/include/*; do
    [ "${name##*/}" = llvm ] || ln -sfn "$name" "$prefix/include/"
done
for name in "$sdk"/include/llvm/*; do
    [ "${name##*/}" = Config ] || ln -sfn "$name" "$prefix/include/llvm/"
done
for name in "$sdk"/include/llvm/Config/*; do
    case ${name##*/} in
        mlc-all) ;;
        *.def) cp "$name" "$prefix/include/llvm/Config/" ;;
        *) ln -sfn "$name" "$prefix/include/llvm/Config/" ;;
    esac
done
for name in "$sdk"/include/llvm/Config/mlc-all/*; do
    case $name in
        *.def) grep -E '\((NVPTX|X86)\)|^#|^//' "$name" >"$prefix/include/llvm/Config/mlc-all/${name##*/}" ;;
        *) ln -sfn "$name" "$prefix/include/llvm/Config/mlc-all/" ;;
    esac
done
others='AArch64|AMDGPU|ARM|AVR|BPF|Hexagon|Lanai|LoongArch|MSP430|Mips|PowerPC|RISCV|SPIRV|Sparc|SystemZ|VE|WebAssembly|XCore'
cat >"$prefix/bin/llvm-config" <<END
#!/bin/sh
case "\$*" in
    *--includedir*) echo "$prefix/include" ;;
    *--libs*) python3 "$sdk/bin/llvm-config.py" "\$@" | tr ' ' '\n' | grep -vE '^-lLLVM($others)' | tr '\n' ' ' ;;
    *) python3 "$sdk/bin/llvm-config.py" "\$@" | sed "s|-I$sdk/include|-I$prefix/include|" ;;
esac
END
chmod +x "$prefix/bin/llvm-config"
touch "$prefix/.tracel-llvm-installed"
echo "$folder"
