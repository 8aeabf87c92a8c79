/* pipeline/pdffont.c - see pdffont.h. */
#include "pipeline/pdffont.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "layout/document.h"
#include "pipeline/pdfobj.h"

static bool name_has(const char *name, const char *const *parts) {
    for (; *parts; parts++) {
        if (strcasestr(name, *parts)) return true;
    }
    return false;
}

unsigned font_flags(const char *name) {
    static const char *const bold[] = {"bold", "black", "heavy", "demi", "semi", "cmbx", NULL};
    static const char *const italic[] = {"italic", "oblique", "cmti", "cmsl", "kursiv", NULL};
    static const char *const mono[] = {"mono",  "courier",       "consol", "cmtt", "typewriter",
                                       "fixed", "lucidasanstyp", "menlo",  NULL};
    unsigned flags = 0;
    if (name_has(name, bold)) flags |= SPAN_BOLD;
    // the free Times and Helvetica call their bold Medi; Medium is another thing
    if (strcasestr(name, "-medi") && !strcasestr(name, "-medium")) flags |= SPAN_BOLD;
    if (name_has(name, italic)) flags |= SPAN_ITALIC;
    if (name_has(name, mono)) flags |= SPAN_MONO;
    size_t n = strlen(name);
    if (n > 3 && strcmp(name + n - 3, "-It") == 0) flags |= SPAN_ITALIC;
    if (n > 3 && strcmp(name + n - 3, "-Bd") == 0) flags |= SPAN_BOLD;
    return flags;
}

/* Whether the name is one a person gave, so that its silence about weight means something. */
static bool is_telling(const char *name) {
    int letters = 0;
    for (; *name; name++) letters += (*name | 32) >= 'a' && (*name | 32) <= 'z';
    return letters >= 4;
}

static unsigned descriptor_flags(struct pdfobj *doc, unsigned descriptor, const char *name) {
    if (!obj_is(doc, descriptor, OBJ_DICT)) return 0;
    enum { FIXED_PITCH = 1, ITALIC = 64, FORCE_BOLD = 1 << 18 };
    unsigned flags = 0;
    int bits = obj_int(doc, descriptor, "/Flags", 0);
    if (bits & FORCE_BOLD || obj_number(doc, descriptor, "/FontWeight", 400) >= 600)
        flags |= SPAN_BOLD;
    if (fabs(obj_number(doc, descriptor, "/ItalicAngle", 0)) >= 4) flags |= SPAN_ITALIC;
    if (is_telling(name)) return flags | (bits & FIXED_PITCH ? SPAN_MONO : 0);
    if (bits & ITALIC) flags |= SPAN_ITALIC;
    if (obj_number(doc, descriptor, "/StemV", 0) >= 130) flags |= SPAN_BOLD;
    return flags;
}

static const char *without_subset_prefix(const char *name) {
    for (int i = 0; i < 6; i++) {
        if (name[i] < 'A' || name[i] > 'Z') return name;
    }
    return name[6] == '+' ? name + 7 : name;
}

void font_load(struct pdfobj *doc, unsigned dict, struct ops_font *font) {
    char name[128], subtype[32], encoding[64];
    obj_name(doc, obj_get(doc, dict, "/BaseFont"), name, sizeof name);
    obj_name(doc, obj_get(doc, dict, "/Subtype"), subtype, sizeof subtype);
    unsigned encoding_oh = obj_get(doc, dict, "/Encoding");
    obj_name(doc, encoding_oh, encoding, sizeof encoding);
    snprintf(font->name, sizeof font->name, "%.63s", without_subset_prefix(name));
    font->wide = strcmp(subtype, "Type0") == 0;
    font->type3 = strcmp(subtype, "Type3") == 0;
    size_t n = strlen(encoding);
    font->vertical = font->wide &&
                     ((n > 2 && strcmp(encoding + n - 2, "-V") == 0) || strcmp(encoding, "V") == 0);
    font->has_unicode = obj_has(doc, dict, "/ToUnicode");
    if (!font->has_unicode && !font->type3)
        font->has_unicode = font->wide ? strncmp(encoding, "Identity", 8) != 0 : n > 0;
    unsigned holder = dict;
    unsigned descendants = obj_get(doc, dict, "/DescendantFonts");
    if (obj_length(doc, descendants) > 0) holder = obj_item(doc, descendants, 0);
    font->flags = font_flags(font->name) |
                  descriptor_flags(doc, obj_get(doc, holder, "/FontDescriptor"), font->name);
}
