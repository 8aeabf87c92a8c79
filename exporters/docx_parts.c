/*
 * exporters/docx_parts.c - see docx_parts.h.
 *
 * Elements stand in the order of the schema (ECMA-376 part 1, transitional), which is stricter than
 * the readers are. Lengths: sizes in half points, spaces and indents in twentieths of a point.
 */
#include "exporters/docx_parts.h"

#include <time.h>

/* ---- the package ---- */

void docx_put_content_types(struct buf *out, bool footnotes) {
    static const char *const parts[][2] = {
        {"/word/document.xml", "wordprocessingml.document.main"},
        {"/word/styles.xml", "wordprocessingml.styles"},
        {"/word/numbering.xml", "wordprocessingml.numbering"},
        {"/word/settings.xml", "wordprocessingml.settings"},
        {"/word/footnotes.xml", "wordprocessingml.footnotes"},
        {"/docProps/app.xml", "extended-properties"},
    };
    buf_puts(out, XML_HEAD
             "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\">"
             "<Default Extension=\"rels\" "
             "ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/>"
             "<Default Extension=\"xml\" ContentType=\"application/xml\"/>"
             "<Default Extension=\"png\" ContentType=\"image/png\"/>");
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (i == 4 && !footnotes) continue;
        buf_printf(out,
                   "<Override PartName=\"%s\" "
                   "ContentType=\"application/vnd.openxmlformats-officedocument.%s+xml\"/>",
                   parts[i][0], parts[i][1]);
    }
    buf_puts(out, "<Override PartName=\"/docProps/core.xml\" "
                  "ContentType=\"application/vnd.openxmlformats-package.core-properties+xml\"/>"
                  "</Types>");
}

struct str docx_relations_head(void) {
    return STR(
        XML_HEAD
        "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">");
}

void docx_put_root_relations(struct buf *out) {
    buf_put(out, docx_relations_head());
    buf_puts(out, "<Relationship Id=\"rId1\" Type=\"" R_TYPE "officeDocument\" "
                  "Target=\"word/document.xml\"/>"
                  "<Relationship Id=\"rId2\" Type=\"http://schemas.openxmlformats.org/package/2006/"
                  "relationships/metadata/core-properties\" Target=\"docProps/core.xml\"/>"
                  "<Relationship Id=\"rId3\" Type=\"" R_TYPE "extended-properties\" "
                  "Target=\"docProps/app.xml\"/></Relationships>");
}

void docx_put_document_relations(struct buf *out, bool footnotes) {
    static const char *const names[DOCX_FIXED_RELATIONS] = {"styles", "numbering", "settings",
                                                            "footnotes"};
    buf_put(out, docx_relations_head());
    for (int i = 0; i < DOCX_FIXED_RELATIONS; i++)
        if (i != 3 || footnotes)
            buf_printf(out, "<Relationship Id=\"rId%d\" Type=\"" R_TYPE "%s\" Target=\"%s.xml\"/>",
                       i + 1, names[i], names[i]);
}

/* ---- properties ---- */

static void put_property(struct buf *out, const char *name, struct str value) {
    if (!value.n) return;
    buf_printf(out, "<%s>", name);
    put_markup(out, value);
    buf_printf(out, "</%s>", name);
}

void docx_put_core(struct buf *out, const struct document *d, int64_t source_date) {
    enum { DAY_1980 = 315532800 };
    time_t seconds = (time_t)(source_date > 0 ? source_date : DAY_1980);
    struct tm tm = {0};
    char date[32] = "1980-01-01T00:00:00Z";
    if (gmtime_r(&seconds, &tm) && tm.tm_year < 8100)
        strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", &tm);
    buf_puts(
        out, XML_HEAD
        "<cp:coreProperties xmlns:cp=\"http://schemas.openxmlformats.org/package/2006/metadata/"
        "core-properties\" xmlns:dc=\"http://purl.org/dc/elements/1.1/\" "
        "xmlns:dcterms=\"http://purl.org/dc/terms/\" "
        "xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">");
    put_property(out, "dc:title", d->title);
    put_property(out, "dc:subject", d->subject);
    put_property(out, "dc:creator", d->author);
    put_property(out, "cp:keywords", d->keywords);
    put_property(out, "dc:language", language_tag(d->language, (struct str){0}));
    buf_printf(out, "<dcterms:created xsi:type=\"dcterms:W3CDTF\">%s</dcterms:created>", date);
    buf_puts(out, "</cp:coreProperties>");
}

void docx_put_app(struct buf *out) {
    buf_puts(out,
             XML_HEAD "<Properties xmlns=\"http://schemas.openxmlformats.org/officeDocument/2006/"
                      "extended-properties\"><Application>docmill</Application></Properties>");
}

/* ---- styles ---- */

static const struct {
    const char *id, *name;
    const char *paragraph, *run; // properties
} paragraph_styles[] = {
    {"ListParagraph", "List Paragraph", "<w:spacing w:after=\"60\"/><w:ind w:left=\"720\"/>", ""},
    {"Caption", "caption", "<w:keepLines/><w:spacing w:before=\"60\" w:after=\"200\"/>",
     "<w:i/><w:iCs/><w:color w:val=\"44546A\"/><w:sz w:val=\"19\"/><w:szCs w:val=\"19\"/>"},
    {"Quote", "Quote",
     "<w:pBdr><w:left w:val=\"single\" w:sz=\"12\" w:space=\"8\" w:color=\"BFBFBF\"/></w:pBdr>"
     "<w:ind w:left=\"360\" w:right=\"360\"/>",
     "<w:color w:val=\"404040\"/>"},
    {"Code", "Code",
     "<w:keepLines/><w:shd w:val=\"clear\" w:color=\"auto\" w:fill=\"F2F2F2\"/>"
     "<w:spacing w:after=\"160\" w:line=\"240\" w:lineRule=\"auto\"/>",
     "<w:rFonts w:ascii=\"Consolas\" w:hAnsi=\"Consolas\" w:cs=\"Courier New\"/><w:noProof/>"
     "<w:sz w:val=\"19\"/><w:szCs w:val=\"19\"/>"},
    {"FootnoteText", "footnote text",
     "<w:spacing w:after=\"40\" w:line=\"240\" w:lineRule=\"auto\"/>",
     "<w:sz w:val=\"19\"/><w:szCs w:val=\"19\"/>"},
    {"Formula", "Formula", "<w:jc w:val=\"center\"/>", ""},
    {"Figure", "Figure", "<w:keepNext/><w:spacing w:before=\"120\" w:after=\"60\"/>", ""},
    {"FigureText", "Figure Text", "",
     "<w:color w:val=\"595959\"/><w:sz w:val=\"18\"/><w:szCs w:val=\"18\"/>"},
    {"Furniture", "Page Furniture", "",
     "<w:color w:val=\"7F7F7F\"/><w:sz w:val=\"18\"/><w:szCs w:val=\"18\"/>"},
    {"TableText", "Table Text", "<w:spacing w:after=\"0\" w:line=\"240\" w:lineRule=\"auto\"/>",
     "<w:sz w:val=\"20\"/><w:szCs w:val=\"20\"/>"},
    {"TableHead", "Table Head", "<w:spacing w:after=\"0\" w:line=\"240\" w:lineRule=\"auto\"/>",
     "<w:b/><w:bCs/><w:sz w:val=\"20\"/><w:szCs w:val=\"20\"/>"},
};

static void put_defaults(struct buf *out, struct str language) {
    buf_puts(out,
             "<w:docDefaults><w:rPrDefault><w:rPr>"
             "<w:rFonts w:ascii=\"Calibri\" w:hAnsi=\"Calibri\" w:eastAsia=\"Microsoft YaHei\" "
             "w:cs=\"Arial\"/><w:sz w:val=\"22\"/><w:szCs w:val=\"22\"/><w:lang");
    put_attribute(out, "w:val", language);
    put_attribute(out, "w:eastAsia", language);
    put_attribute(out, "w:bidi", language);
    buf_puts(out, "/></w:rPr></w:rPrDefault><w:pPrDefault><w:pPr><w:spacing w:after=\"140\" "
                  "w:line=\"264\" w:lineRule=\"auto\"/></w:pPr></w:pPrDefault></w:docDefaults>");
}

static void put_headings(struct buf *out) {
    static const int half_points[6] = {36, 30, 26, 24, 22, 22};
    for (int i = 0; i < 6; i++) {
        buf_printf(
            out,
            "<w:style w:type=\"paragraph\" w:styleId=\"Heading%d\"><w:name w:val=\"heading %d\"/>"
            "<w:basedOn w:val=\"Normal\"/><w:next w:val=\"Normal\"/><w:uiPriority w:val=\"9\"/>"
            "<w:qFormat/><w:pPr><w:keepNext/><w:keepLines/><w:spacing w:before=\"%d\" "
            "w:after=\"100\"/><w:outlineLvl w:val=\"%d\"/></w:pPr><w:rPr>",
            i + 1, i + 1, i == 0 ? 360 : 260, i);
        buf_puts(out, i == 5 ? "<w:i/><w:iCs/>" : "<w:b/><w:bCs/>");
        buf_printf(out,
                   "<w:color w:val=\"1F3864\"/><w:sz w:val=\"%d\"/><w:szCs w:val=\"%d\"/></w:rPr>"
                   "</w:style>",
                   half_points[i], half_points[i]);
    }
}

static void put_character_styles(struct buf *out) {
    static const char *const styles[][3] = {
        {"Hyperlink", "Hyperlink", "<w:color w:val=\"0563C1\"/><w:u w:val=\"single\"/>"},
        {"CodeChar", "Code Char",
         "<w:rFonts w:ascii=\"Consolas\" w:hAnsi=\"Consolas\" w:cs=\"Courier New\"/><w:noProof/>"},
        {"FootnoteReference", "footnote reference", "<w:vertAlign w:val=\"superscript\"/>"},
    };
    for (size_t i = 0; i < sizeof styles / sizeof *styles; i++)
        buf_printf(out,
                   "<w:style w:type=\"character\" w:styleId=\"%s\"><w:name w:val=\"%s\"/>"
                   "<w:basedOn w:val=\"DefaultParagraphFont\"/><w:uiPriority w:val=\"99\"/>"
                   "<w:rPr>%s</w:rPr></w:style>",
                   styles[i][0], styles[i][1], styles[i][2]);
}

static void put_table_styles(struct buf *out) {
    static const char *const sides[] = {"top", "left", "bottom", "right", "insideH", "insideV"};
    buf_puts(out, "<w:style w:type=\"table\" w:default=\"1\" w:styleId=\"TableNormal\">"
                  "<w:name w:val=\"Normal Table\"/><w:uiPriority w:val=\"99\"/><w:semiHidden/>"
                  "<w:tblPr><w:tblInd w:w=\"0\" w:type=\"dxa\"/><w:tblCellMar>"
                  "<w:top w:w=\"0\" w:type=\"dxa\"/><w:left w:w=\"108\" w:type=\"dxa\"/>"
                  "<w:bottom w:w=\"0\" w:type=\"dxa\"/><w:right w:w=\"108\" w:type=\"dxa\"/>"
                  "</w:tblCellMar></w:tblPr></w:style>"
                  "<w:style w:type=\"table\" w:styleId=\"TableGrid\"><w:name w:val=\"Table Grid\"/>"
                  "<w:basedOn w:val=\"TableNormal\"/><w:uiPriority w:val=\"39\"/><w:tblPr>"
                  "<w:tblBorders>");
    for (int i = 0; i < 6; i++)
        buf_printf(out, "<w:%s w:val=\"single\" w:sz=\"4\" w:space=\"0\" w:color=\"A6A6A6\"/>",
                   sides[i]);
    buf_puts(out, "</w:tblBorders><w:tblCellMar><w:top w:w=\"40\" w:type=\"dxa\"/>"
                  "<w:left w:w=\"90\" w:type=\"dxa\"/><w:bottom w:w=\"40\" w:type=\"dxa\"/>"
                  "<w:right w:w=\"90\" w:type=\"dxa\"/></w:tblCellMar></w:tblPr></w:style>");
}

void docx_put_styles(struct buf *out, struct str language) {
    buf_puts(out, XML_HEAD "<w:styles " W_NS ">");
    put_defaults(out, language_tag(language, STR("en-US")));
    buf_puts(out,
             "<w:style w:type=\"paragraph\" w:default=\"1\" w:styleId=\"Normal\">"
             "<w:name w:val=\"Normal\"/><w:qFormat/></w:style>"
             "<w:style w:type=\"character\" w:default=\"1\" w:styleId=\"DefaultParagraphFont\">"
             "<w:name w:val=\"Default Paragraph Font\"/><w:uiPriority w:val=\"1\"/>"
             "<w:semiHidden/></w:style>");
    put_headings(out);
    for (size_t i = 0; i < sizeof paragraph_styles / sizeof *paragraph_styles; i++) {
        buf_printf(out,
                   "<w:style w:type=\"paragraph\" w:styleId=\"%s\"><w:name w:val=\"%s\"/>"
                   "<w:basedOn w:val=\"Normal\"/><w:qFormat/>",
                   paragraph_styles[i].id, paragraph_styles[i].name);
        buf_printf(out, "<w:pPr>%s</w:pPr><w:rPr>%s</w:rPr></w:style>",
                   paragraph_styles[i].paragraph, paragraph_styles[i].run);
    }
    put_character_styles(out);
    put_table_styles(out);
    buf_puts(out, "</w:styles>");
}

void docx_put_settings(struct buf *out, bool footnotes) {
    buf_puts(out, XML_HEAD "<w:settings " W_NS "><w:zoom w:percent=\"100\"/>"
                           "<w:defaultTabStop w:val=\"720\"/>"
                           "<w:characterSpacingControl w:val=\"doNotCompress\"/>");
    if (footnotes)
        buf_puts(out,
                 "<w:footnotePr><w:footnote w:id=\"-1\"/><w:footnote w:id=\"0\"/></w:footnotePr>");
    buf_puts(out, "<w:compat><w:compatSetting w:name=\"compatibilityMode\" "
                  "w:uri=\"http://schemas.microsoft.com/office/word\" w:val=\"15\"/></w:compat>"
                  "<w:decimalSymbol w:val=\".\"/><w:listSeparator w:val=\",\"/></w:settings>");
}

void docx_put_footnotes_head(struct buf *out) {
    static const char *const names[] = {"separator", "continuationSeparator"};
    buf_puts(out, XML_HEAD "<w:footnotes " W_NS " " R_NS ">");
    for (int i = 0; i < 2; i++)
        buf_printf(
            out,
            "<w:footnote w:type=\"%s\" w:id=\"%d\"><w:p><w:pPr><w:spacing w:after=\"0\" "
            "w:line=\"240\" w:lineRule=\"auto\"/></w:pPr><w:r><w:%s/></w:r></w:p></w:footnote>",
            names[i], i - 1, names[i]);
}

/* ---- numbering ---- */

int docx_abstract_number(enum number_style style, enum docx_form form) {
    return style == NUMBER_NONE ? 0 : 1 + ((int)style - 1) * N_FORMS + (int)form;
}

static void put_roman(struct buf *out, int n) {
    static const struct {
        int value;
        const char *letters;
    } steps[] = {{1000, "m"}, {900, "cm"}, {500, "d"}, {400, "cd"}, {100, "c"},
                 {90, "xc"},  {50, "l"},   {40, "xl"}, {10, "x"},   {9, "ix"},
                 {5, "v"},    {4, "iv"},   {1, "i"}};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        for (; n >= steps[i].value; n -= steps[i].value) buf_puts(out, steps[i].letters);
}

/* The number as Word prints it; nothing where we do not know. */
static void put_number(struct buf *out, enum number_style style, int n) {
    bool upper = style == NUMBER_UPPER_ALPHA || style == NUMBER_UPPER_ROMAN;
    size_t start = out->n;
    if (style == NUMBER_DECIMAL && n >= 0 && n <= 32767) buf_printf(out, "%d", n);
    if ((style == NUMBER_LOWER_ALPHA || style == NUMBER_UPPER_ALPHA) && n >= 1 && n <= 26)
        buf_putc(out, (char)('a' + n - 1));
    if ((style == NUMBER_LOWER_ROMAN || style == NUMBER_UPPER_ROMAN) && n >= 1 && n < 4000)
        put_roman(out, n);
    for (size_t i = start; upper && i < out->n; i++)
        out->data[i] = (char)(out->data[i] - 'a' + 'A');
}

bool docx_form_of(const struct list_mark *mark, enum docx_form *form) {
    static const char *const around[N_FORMS][2] = {{"", "."}, {"", ")"}, {"(", ")"}};
    bool found = false;
    for (int f = 0; f < N_FORMS && !found; f++) {
        struct buf label;
        buf_open(&label, 0);
        buf_puts(&label, around[f][0]);
        size_t before = label.n;
        put_number(&label, mark->style, mark->number);
        bool known = label.n > before;
        buf_puts(&label, around[f][1]);
        found = known && (!mark->label.n || str_eq(buf_str(&label), mark->label));
        *form = (enum docx_form)f;
        buf_close(&label);
    }
    return found;
}

static void put_level(struct buf *out, int level, const char *format, const char *text) {
    buf_printf(out,
               "<w:lvl w:ilvl=\"%d\"><w:start w:val=\"1\"/><w:numFmt w:val=\"%s\"/>"
               "<w:lvlText w:val=\"%s\"/><w:lvlJc w:val=\"left\"/><w:pPr><w:ind w:left=\"%d\" "
               "w:hanging=\"%d\"/></w:pPr></w:lvl>",
               level, format, text, DOCX_INDENT * (level + 1) + 280, DOCX_INDENT);
}

static void put_abstract_number(struct buf *out, int id) {
    static const char *const formats[] = {"decimal", "lowerLetter", "upperLetter", "lowerRoman",
                                          "upperRoman"};
    static const char *const bullets[] = {"\xe2\x80\xa2", "\xe2\x97\xa6", "\xe2\x96\xaa"};
    static const char *const around[N_FORMS][2] = {{"", "."}, {"", ")"}, {"(", ")"}};
    buf_printf(out,
               "<w:abstractNum w:abstractNumId=\"%d\"><w:nsid w:val=\"%08X\"/>"
               "<w:multiLevelType w:val=\"hybridMultilevel\"/>",
               id, 0x0d0c0000u + (unsigned)id);
    for (int level = 0; level < DOCX_LEVELS; level++) {
        if (id == 0) {
            put_level(out, level, "bullet", bullets[level % 3]);
            continue;
        }
        const char *const *a = around[(id - 1) % N_FORMS];
        char text[8] = {0};
        size_t n = 0;
        for (const char *c = a[0]; *c; c++) text[n++] = *c;
        text[n++] = '%';
        text[n++] = (char)('1' + level);
        for (const char *c = a[1]; *c; c++) text[n++] = *c;
        put_level(out, level, formats[(id - 1) / N_FORMS], text);
    }
    buf_puts(out, "</w:abstractNum>");
}

void docx_put_numbering_head(struct buf *out, unsigned used) {
    buf_puts(out, XML_HEAD "<w:numbering " W_NS ">");
    for (int id = 0; id < DOCX_ABSTRACT_NUMBERS; id++)
        if (id == 0 || used & 1u << id) put_abstract_number(out, id);
    buf_puts(out, "<w:num w:numId=\"1\"><w:abstractNumId w:val=\"0\"/></w:num>");
}
