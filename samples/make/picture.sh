#!/bin/sh
# samples/make/picture.sh DEMO [OUT.png] - the picture of the README: sample pages beside what became of them.
# DEMO: what `make demo` wrote (out/demo). Needs chromium fonts-noto-core poppler-utils python3-pil.
set -e
demo=$(realpath "$1")
out=$(realpath -m "${2:-docs/before-after.png}")
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
pdftoppm -r 75 -png -singlefile report.pdf "$work/report-before"
cp skewed-scan.jpg "$work/scan-before.jpg"
shot() { # IN.html OUT.png HEIGHT
    chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --force-device-scale-factor=1 \
        "--user-data-dir=$work/profile" "--window-size=720,$3" "--screenshot=$2" "file://$1" >/dev/null 2>&1
}
shot "$demo/samples/report.pdf.html" "$work/report-after.png" 1018
shot "$demo/samples/skewed-scan.jpg.html" "$work/scan-after.png" 1018
python3 - "$work" "$out" <<'P'
import sys
from PIL import Image, ImageDraw
work, out = sys.argv[1:]
height, gap, arrow = 590, 10, 44
pages = [Image.open("%s/%s" % (work, n)).convert("RGB") for n in
         ("scan-before.jpg", "scan-after.png", "report-before.png", "report-after.png")]
pages = [p.resize((p.width * height // p.height, height), Image.LANCZOS) for p in pages]
width = sum(p.width for p in pages) + 2 * arrow + 5 * gap + 20
sheet = Image.new("RGB", (width, height + 2 * gap), (208, 212, 217))
draw, x = ImageDraw.Draw(sheet), gap
for i, page in enumerate(pages):
    sheet.paste(page, (x, gap))
    x += page.width + gap
    if i % 2 == 0:  # an arrow to what became of it
        y = height // 2
        draw.polygon([(x + 4, y - 8), (x + 18, y - 8), (x + 18, y - 20), (x + 38, y), (x + 18, y + 20), (x + 18, y + 8), (x + 4, y + 8)],
                     fill=(60, 80, 110))
        x += arrow
    else:
        x += 20
sheet.quantize(40, dither=Image.NONE).save(out, optimize=True)
P
ls -l "$out"
