#!/bin/sh
# samples/make/make.sh [OUT] - makes the samples again, into OUT (default: samples/).
#
# Debian 12: weasyprint texlive-latex-extra texlive-fonts-recommended lmodern libreoffice-writer-nogui
# fonts-liberation2 fonts-noto-core fonts-noto-cjk python3-pil python3-numpy qpdf poppler-utils libtiff-tools
# The same packages give the same pages; bytes may differ from version to version of the tools, and so
# may the golden files: the samples in the tree are the ones the tests know.
set -e
cd "$(dirname "$0")"
out=$(realpath "${1:-..}")
export SOURCE_DATE_EPOCH=1614729600 FORCE_SOURCE_DATE=1 TZ=UTC LC_ALL=C.UTF-8
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# IDs and dates out; streams as they are.
fix() { qpdf --deterministic-id "$1" "$2"; }
# IN.html NAME DPI: its pages as $work/NAME-N.png
pages() {
    weasyprint "$1" "$work/$2.pdf"
    pdftoppm -r "$3" -png "$work/$2.pdf" "$work/$2"
}

for i in 1 2; do pdflatex -interaction=batchmode -output-directory "$work" paper.tex >"$work/log" || { cat "$work/log"; exit 1; }; done
fix "$work/paper.pdf" "$out/paper.pdf"

python3 report.py "$work/report.fodt"
cp arabic.fodt "$work"
for name in report arabic; do
    soffice --headless "-env:UserInstallation=file://$work/profile" --convert-to pdf --outdir "$work" \
        "$work/$name.fodt" >/dev/null 2>&1
    fix "$work/$name.pdf" "$out/$name.pdf"
done

for name in contract slides; do
    weasyprint $name.html "$work/$name.pdf"
    fix "$work/$name.pdf" "$out/$name.pdf"
done

# A fax: three pages, bilevel, 200 by 200 dpi, CCITT group 4.
pages minutes.html minutes 200
for page in "$work"/minutes-?.png; do python3 photo.py noise "$page" "${page%.png}.tif"; done
tiffcp -c g4 "$work"/minutes-?.tif "$out/fax.tif"

pages letter.html letter 200
python3 photo.py scan "$work/letter-1.png" "$out/skewed-scan.jpg"
pages notice.html notice 210
python3 photo.py photo "$work/notice-1.png" "$out/photo.jpg"
pages chinese.html chinese 250
python3 - "$work/chinese-1.png" "$out/chinese.png" <<'P'
import sys
from PIL import Image
Image.open(sys.argv[1]).convert("L").quantize(16).save(sys.argv[2], dpi=(250, 250), optimize=True)
P

# One page with a text layer, one scanned.
python3 - "$out/skewed-scan.jpg" "$work/scan.pdf" <<'P'
import sys
from PIL import Image
Image.open(sys.argv[1]).save(sys.argv[2], resolution=200)
P
qpdf --empty --pages "$out/contract.pdf" 1 "$work/scan.pdf" 1 -- "$work/mixed.pdf"
fix "$work/mixed.pdf" "$out/mixed.pdf"

# AES-256 takes random salts, so this one is new each time.
qpdf --encrypt orchard keeper 256 -- "$out/slides.pdf" "$out/encrypted.pdf"

# Cut off in the middle: no cross-reference table, no trailer, the last streams incomplete.
head -c $(($(wc -c <"$out/report.pdf") * 6 / 10)) "$out/report.pdf" >"$out/broken.pdf"
ls -l "$out"
