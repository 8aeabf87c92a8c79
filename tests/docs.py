"""Small documents made for tests: PDF files as text, with a cross-reference table that is right."""

import os


def pdf(objects, root=1):
    """A PDF of these objects (bytes), numbered from 1."""
    out = bytearray(b"%PDF-1.7\n")
    offsets = []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n" % number + body + b"\nendobj\n"
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    return bytes(out) + b"trailer\n<< /Size %d /Root %d 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (
        len(objects) + 1, root, start)


def stream(data, extra=b""):
    return b"<< /Length %d %s >>\nstream\n" % (len(data), extra) + data + b"\nendstream"


def text_pdf(pages, tail=None):
    """A PDF with a few lines of text on each page. tail: page number -> more content operators."""
    n = len(pages)
    kids = b" ".join(b"%d 0 R" % (4 + 2 * i) for i in range(n))
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>",
               b"<< /Type /Pages /Kids [%s] /Count %d >>" % (kids, n),
               b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"]
    for i, lines in enumerate(pages):
        content = b"BT /F1 12 Tf 72 720 Td 16 TL\n"
        for line in lines:
            content += b"(" + line.encode("latin-1") + b") Tj T*\n"
        content += b"ET\n" + (tail or {}).get(i + 1, b"")
        objects.append(b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents %d 0 R "
                       b"/Resources << /Font << /F1 3 0 R >> >> >>" % (5 + 2 * i))
        objects.append(stream(content))
    return pdf(objects)


def endless_pdf():
    """Two pages; the second draws forms that draw forms, 10 each, 12 deep: 10^12 operators."""
    kids = b"4 0 R 6 0 R"
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>",
               b"<< /Type /Pages /Kids [%s] /Count 2 >>" % kids,
               b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
               b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 5 0 R "
               b"/Resources << /Font << /F1 3 0 R >> >> >>",
               stream(b"BT /F1 12 Tf 72 720 Td (The first page is sound and says so.) Tj ET"),
               b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 7 0 R "
               b"/Resources << /Font << /F1 3 0 R >> /XObject << /X 8 0 R >> >> >>",
               stream(b"BT /F1 12 Tf 72 720 Td (Second.) Tj ET\n/X Do")]
    depth = 12
    for level in range(depth):
        below = 8 + level + 1
        resources = b"/Resources << /Font << /F1 3 0 R >> /XObject << /X %d 0 R >> >>" % below
        if level + 1 == depth:
            resources = b"/Resources << /Font << /F1 3 0 R >> >>"
        content = b"/X Do " * 10 if level + 1 < depth else b"BT /F1 1 Tf (x) Tj ET 0 0 1 1 re f"
        objects.append(stream(content, b"/Type /XObject /Subtype /Form /BBox [0 0 612 792] " +
                              resources))
    return pdf(objects)


def write(folder, name, data):
    """Writes a file below folder; name may be bytes."""
    path = os.path.join(os.fsencode(folder), os.fsencode(name))
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data)
    return path
