"""samples/make/report.py OUT.fodt - a report for LibreOffice: ruled, unruled and spanning tables, a chart.

Text and numbers are invented. The chart is drawn with the document's own shapes, so that it is a
drawing in the PDF, not a picture.
"""
import sys

NAMES = """xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"
xmlns:style="urn:oasis:names:tc:opendocument:xmlns:style:1.0"
xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"
xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"
xmlns:draw="urn:oasis:names:tc:opendocument:xmlns:drawing:1.0"
xmlns:fo="urn:oasis:names:tc:opendocument:xmlns:xsl-fo-compatible:1.0"
xmlns:svg="urn:oasis:names:tc:opendocument:xmlns:svg-compatible:1.0"
xmlns:xlink="http://www.w3.org/1999/xlink"
xmlns:dc="http://purl.org/dc/elements/1.1/" """

STYLES = """
<style:style style:name="Standard" style:family="paragraph"><style:paragraph-properties
 fo:margin-bottom="0.2cm" fo:line-height="125%"/><style:text-properties style:font-name="Liberation Sans" fo:font-size="10.5pt"
 fo:language="en" fo:country="GB"/></style:style>
<style:style style:name="H1" style:family="paragraph" style:parent-style-name="Standard"
 style:default-outline-level="1"><style:paragraph-properties fo:margin-top="0.5cm" fo:keep-with-next="always"/>
 <style:text-properties fo:font-size="16pt" fo:font-weight="bold" fo:color="#1f3d5c"/></style:style>
<style:style style:name="H2" style:family="paragraph" style:parent-style-name="Standard"
 style:default-outline-level="2"><style:paragraph-properties fo:margin-top="0.35cm" fo:keep-with-next="always"/>
 <style:text-properties fo:font-size="12.5pt" fo:font-weight="bold" fo:color="#1f3d5c"/></style:style>
<style:style style:name="Title" style:family="paragraph" style:parent-style-name="Standard"><style:paragraph-properties
 fo:margin-bottom="0.4cm"/><style:text-properties fo:font-size="24pt" fo:font-weight="bold"/></style:style>
<style:style style:name="Small" style:family="paragraph" style:parent-style-name="Standard"><style:paragraph-properties
 fo:margin-bottom="0cm" fo:text-align="center"/><style:text-properties fo:font-size="8pt"/></style:style>
<style:style style:name="Caption" style:family="paragraph" style:parent-style-name="Standard"><style:text-properties
 fo:font-size="9pt" fo:font-style="italic"/></style:style>
<style:style style:name="Cell" style:family="paragraph" style:parent-style-name="Standard"><style:paragraph-properties
 fo:margin-bottom="0cm"/></style:style>
<style:style style:name="Number" style:family="paragraph" style:parent-style-name="Cell"><style:paragraph-properties
 fo:text-align="end"/></style:style>
<style:style style:name="Head" style:family="paragraph" style:parent-style-name="Cell"><style:text-properties
 fo:font-weight="bold"/></style:style>
<style:style style:name="HeadRight" style:family="paragraph" style:parent-style-name="Number"><style:text-properties
 fo:font-weight="bold"/></style:style>
<style:style style:name="Bold" style:family="text"><style:text-properties fo:font-weight="bold"/></style:style>
"""

AUTOMATIC = """
<style:page-layout style:name="pm"><style:page-layout-properties fo:page-width="21cm" fo:page-height="29.7cm"
 fo:margin-top="2cm" fo:margin-bottom="2cm" fo:margin-left="2.4cm" fo:margin-right="2.4cm"/>
 <style:header-style><style:header-footer-properties fo:margin-bottom="0.5cm"/></style:header-style>
 <style:footer-style><style:header-footer-properties fo:margin-top="0.5cm"/></style:footer-style></style:page-layout>
<style:style style:name="ruled" style:family="table-cell"><style:table-cell-properties fo:padding="0.1cm"
 fo:border="0.5pt solid #000000"/></style:style>
<style:style style:name="headed" style:family="table-cell"><style:table-cell-properties fo:padding="0.1cm"
 fo:border="0.5pt solid #000000" fo:background-color="#dde6ee"/></style:style>
<style:style style:name="plain" style:family="table-cell"><style:table-cell-properties fo:padding="0.08cm"
 fo:border="none"/></style:style>
<style:style style:name="wide" style:family="table-column"><style:table-column-properties style:column-width="6cm"/></style:style>
<style:style style:name="narrow" style:family="table-column"><style:table-column-properties style:column-width="3cm"/></style:style>
<style:style style:name="bar1" style:family="graphic"><style:graphic-properties draw:stroke="none" draw:fill="solid"
 draw:fill-color="#3465a4"/></style:style>
<style:style style:name="bar2" style:family="graphic"><style:graphic-properties draw:stroke="none" draw:fill="solid"
 draw:fill-color="#f5a623"/></style:style>
<style:style style:name="axis" style:family="graphic"><style:graphic-properties draw:stroke="solid"
 svg:stroke-width="0.03cm" svg:stroke-color="#444444"/></style:style>
<style:style style:name="curve" style:family="graphic"><style:graphic-properties draw:stroke="solid"
 svg:stroke-width="0.05cm" svg:stroke-color="#a40000"/></style:style>
<style:style style:name="label" style:family="graphic"><style:graphic-properties draw:stroke="none" draw:fill="none"
 fo:padding="0cm" draw:auto-grow-width="true" draw:textarea-horizontal-align="center"/></style:style>
<text:list-style style:name="bullets"><text:list-level-style-bullet text:level="1" text:bullet-char="•">
 <style:list-level-properties text:list-level-position-and-space-mode="label-alignment">
 <style:list-level-label-alignment text:label-followed-by="listtab" fo:text-indent="-0.5cm" fo:margin-left="0.9cm"/>
 </style:list-level-properties></text:list-level-style-bullet></text:list-style>
"""


def p(text, style="Standard"):
    return '<text:p text:style-name="%s">%s</text:p>' % (style, text)


def h(level, text):
    return '<text:h text:style-name="H%d" text:outline-level="%d">%s</text:h>' % (level, level, text)


def bullets(*items):
    return '<text:list text:style-name="bullets">%s</text:list>' % "".join(
        "<text:list-item>%s</text:list-item>" % p(i) for i in items)


def cell(text, style, paragraph, cols=1, rows=1):
    spans = ' table:number-columns-spanned="%d" table:number-rows-spanned="%d"' % (cols, rows) if cols * rows > 1 else ""
    return '<table:table-cell table:style-name="%s"%s>%s</table:table-cell>' % (style, spans, p(text, paragraph))


COVERED = "<table:covered-table-cell/>"


def table(name, n_cols, rows, n_heads):
    head = "<table:table-header-rows>%s</table:table-header-rows>" % "".join(rows[:n_heads]) if n_heads else ""
    return ('<table:table table:name="%s"><table:table-column table:style-name="wide"/><table:table-column '
            'table:style-name="narrow" table:number-columns-repeated="%d"/>%s%s</table:table>'
            % (name, n_cols - 1, head, "".join(rows[n_heads:])))


def row(*cells):
    return "<table:table-row>%s</table:table-row>" % "".join(cells)


def data_row(style, first, *numbers):
    return row(cell(first, style, "Cell"), *[cell(n, style, "Number") for n in numbers])


LOANS = [("2016", 4.1, 0.6), ("2017", 4.4, 0.9), ("2018", 4.2, 1.3), ("2019", 3.9, 1.9), ("2020", 2.2, 3.4), ("2021", 3.1, 3.0)]


def label(x, y, w, text):
    return ('<draw:frame draw:style-name="label" svg:x="%.2fcm" svg:y="%.2fcm" svg:width="%.2fcm" svg:height="0.5cm">'
            "<draw:text-box>%s</draw:text-box></draw:frame>" % (x, y, w, p(text, "Small")))


def chart():
    """Bars for paper and electronic loans, a line for visits; 14 by 6.5 cm, origin top left."""
    base, unit = 5.6, 1.1
    out = ['<draw:line draw:style-name="axis" svg:x1="1cm" svg:y1="0.3cm" svg:x2="1cm" svg:y2="%.2fcm"/>' % base,
           '<draw:line draw:style-name="axis" svg:x1="1cm" svg:y1="%.2fcm" svg:x2="13.6cm" svg:y2="%.2fcm"/>' % (base, base)]
    for i in range(5):
        out.append(label(0, base - i * unit - 0.25, 0.9, str(i)))
    points = []
    for i, (year, paper, electronic) in enumerate(LOANS):
        x = 1.5 + i * 2
        for style, dx, value in (("bar1", 0, paper), ("bar2", 0.7, electronic)):
            out.append('<draw:rect draw:style-name="%s" svg:x="%.2fcm" svg:y="%.2fcm" svg:width="0.65cm" svg:height="%.2fcm"/>'
                       % (style, x + dx, base - value * unit, value * unit))
        out.append(label(x - 0.2, base + 0.1, 1.8, year))
        points.append((x + 0.68, base - (paper + electronic) * 0.75 * unit))
    for (x1, y1), (x2, y2) in zip(points, points[1:]):
        out.append('<draw:line draw:style-name="curve" svg:x1="%.2fcm" svg:y1="%.2fcm" svg:x2="%.2fcm" svg:y2="%.2fcm"/>'
                   % (x1, y1, x2, y2))
    return '<text:p text:style-name="Standard"><draw:g text:anchor-type="as-char" svg:y="-6.3cm">%s</draw:g></text:p>' % "".join(out)


def body():
    ruled = [
        row(cell("Collection", "headed", "Head", rows=2), cell("Volumes", "headed", "Head", cols=2), COVERED,
            cell("Change", "headed", "Head", rows=2)),
        row(COVERED, cell("2020", "headed", "Head"), cell("2021", "headed", "Head"), COVERED),
        data_row("ruled", "Fiction", "12,408", "12,911", "+4.1 %"),
        data_row("ruled", "Children and schools", "7,350", "8,002", "+8.9 %"),
        data_row("ruled", "Local history", "1,117", "1,120", "+0.3 %"),
        data_row("ruled", "Maps and plans", "412", "398", "−3.4 %"),
        data_row("ruled", "Total", "21,287", "22,431", "+5.4 %"),
    ]
    plain = [
        row(cell("Source", "plain", "Head"), *[cell(t, "plain", "HeadRight") for t in ("Budget", "Actual", "Left")]),
        data_row("plain", "Grant of the county", "64,000", "64,000", "0"),
        data_row("plain", "Late fees", "1,200", "890", "310"),
        data_row("plain", "Gifts", "2,000", "5,415", "(3,415)"),
        data_row("plain", "Sale of old books", "800", "1,022", "(222)"),
    ]
    return "".join([
        p("Farthing Green Library: Report for 2021", "Title"),
        p("This report was written for the library committee. All names and figures in it are invented; it exists "
          "to show what becomes of headings, tables and charts when a document is converted."),
        h(1, "1 The year in short"),
        p('The library was open on <text:span text:style-name="Bold">271 days</text:span>, forty more than in the year '
          "before. Loans of printed books recovered to three quarters of their former number. Electronic loans fell "
          "a little once the doors were open again, but stayed five times as high as in 2016."),
        bullets("The reading room was painted and has three new lamps.",
                "The catalogue can be searched from outside the building.",
                "The roof above the map room still leaks; see section 3."),
        h(1, "2 Collection and use"), h(2, "2.1 Stock"),
        p("Table 1: Volumes at the end of the year.", "Caption"), table("Stock", 4, ruled, 2),
        p(""), p("Local history grew by three volumes only, because the second copy of the parish register was "
                 "returned to the parish. The maps lost in the spring had been drawn on paper that does not bear water."),
        h(2, "2.2 Loans"),
        p("Figure 1 shows loans since 2016 in thousands. The line gives the visits, on the same scale."),
        chart(), p("Figure 1: Loans of paper (blue) and electronic (orange) books, in thousands, and visits (line).", "Caption"),
        h(1, "3 Money"),
        p("The grant was paid in four parts. Gifts exceeded the budget because a reader left the library her "
          "shelves, her dictionaries and five thousand pounds."),
        p("Table 2: Income in pounds.", "Caption"), table("Money", 4, plain, 1),
        p(""), p("The repair of the roof has been estimated at 18,200 pounds. The committee is asked to decide whether the "
                 "gifts of two years may be used for it."),
        h(1, "4 Outlook"),
        p("In the coming year the library will lend tools as well as books. A wheelbarrow has been promised."),
    ])


def main():
    with open(sys.argv[1], "w", encoding="utf-8") as out:
        out.write('<?xml version="1.0" encoding="UTF-8"?><office:document %s office:version="1.3" '
                  'office:mimetype="application/vnd.oasis.opendocument.text">' % NAMES)
        out.write("<office:meta><dc:title>Report for 2021</dc:title></office:meta>")
        out.write("<office:font-face-decls><style:font-face style:name=\"Liberation Sans\" svg:font-family=\"'Liberation Sans'\"/>"
                  "</office:font-face-decls>")
        out.write("<office:styles>%s</office:styles><office:automatic-styles>%s</office:automatic-styles>" % (STYLES, AUTOMATIC))
        out.write('<office:master-styles><style:master-page style:name="Standard" style:page-layout-name="pm"><style:header>%s'
                  "</style:header><style:footer>%s</style:footer></style:master-page></office:master-styles>"
                  % (p("Farthing Green Library · Report for 2021", "Small"),
                     p("<text:page-number>1</text:page-number>", "Small")))
        out.write("<office:body><office:text>%s</office:text></office:body></office:document>" % body())


main()
