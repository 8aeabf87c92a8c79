/*
 * pipeline/lang.c - see lang.h.
 *
 * The table holds facts: which language is written how, and its commonest words. Two dozen of them
 * make up a third of any text, so a paragraph is enough to tell languages of one script apart.
 */
#include "pipeline/lang.h"

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>
#include <unistd.h>

#include "util/mem.h"

struct language {
    const char *code, *script, *words;
};

static const struct language languages[] = {
    {"eng", "Latin",
     "the of and to in is that for it as with was be on by are this from at or an not which have "
     "you can"},
    {"deu", "Latin",
     "der die und in den von zu das mit sich des auf für ist im dem nicht ein eine als auch werden "
     "oder wird sie kann"},
    {"fra", "Latin",
     "de la le et les des en un une du dans est que pour qui sur pas par au ce avec sont plus vous "
     "ou être"},
    {"spa", "Latin",
     "de la que el en y los del las por con no una para su se al es lo como más o este puede"},
    {"por", "Latin",
     "de que e o a do da em um para com não uma os no se na por mais as dos como foi ao ou pode"},
    {"ita", "Latin",
     "di che e la il un per non una sono in del con della si le dei da come più nel alla essere"},
    {"nld", "Latin",
     "de van het een en in is dat op te zijn met voor niet aan er om ook als dan maar bij of wordt "
     "worden kan"},
    {"pol", "Latin",
     "w i na z się nie do jest to że o jak po od za przez dla są lub być może tym przy oraz"},
    {"ces", "Latin",
     "a se na v je že s z do o k pro za by ale jako být jsou které který není nebo tento při bude"},
    {"slk", "Latin",
     "a sa na v je že s z do o k pre za by ale ako byť sú ktoré ktorý nie alebo tento pri bude"},
    {"slv", "Latin",
     "in je na v se da za z so ki ne pa po s kot tudi ali če bo iz pri lahko ni ta"},
    {"hrv", "Latin",
     "i je u na se da za su s od ne koji kao ili iz će što ovaj biti može nije po bi"},
    {"swe", "Latin",
     "och i att det som en på är av för med den till inte om ett har de kan vid eller från du"},
    {"nor", "Latin",
     "og i det er på som en for av å til med den ikke om et har de kan ved eller fra du"},
    {"dan", "Latin",
     "og i at det er en på som til for af den med ikke der et har de kan ved eller fra du"},
    {"fin", "Latin",
     "ja on ei se että oli hän joka ovat tai voi kun mutta myös sen ole tämä jos kuin niin ne "
     "voidaan olla"},
    {"est", "Latin",
     "ja on ei et see kui oli ka ta mis või seda aga selle oma nii siis kas võib pole mida saab "
     "tuleb"},
    {"hun", "Latin",
     "a az és hogy nem is egy ez meg csak van de vagy ha el már mint azt lehet be ki volt kell"},
    {"ron", "Latin",
     "de și în a la cu pe nu că din se este un o care pentru sau mai sunt va prin fi ca al"},
    {"tur", "Latin",
     "ve bir bu için da de ile olarak daha çok gibi olan var ne veya değil her kadar sonra ise ya "
     "en"},
    {"vie", "Latin",
     "và của là các có được cho không trong một này với để người những khi đã từ về đến hoặc"},
    {"ind", "Latin",
     "yang dan di untuk dengan dari ini pada adalah tidak akan itu atau ke dapat anda oleh dalam "
     "sebagai bisa telah jika"},
    {"msa", "Latin",
     "yang dan di untuk dengan dari ini pada ialah tidak akan itu atau ke boleh anda oleh dalam "
     "sebagai bagi telah jika"},
    {"cat", "Latin",
     "de la i el que a en les per un una amb els del no és es al com o si més aquest pot"},
    {"glg", "Latin",
     "de que e a o do da en un para con non unha os no se na por máis as dos como ou pode"},
    {"lit", "Latin",
     "ir yra kad iš su tai į kaip ar bet buvo nuo jis per už šis gali būti arba jei nėra prie"},
    {"lav", "Latin",
     "un ir ar no par ka uz lai tas kas bet vai pie pēc kā tiek var nav šis ja būt tika"},
    {"isl", "Latin",
     "og að í er sem á það til við en um ekki ég var með fyrir þú eru eða þetta ef hefur"},
    {"eus", "Latin",
     "eta da ez bat du dira edo hau izan den baina dela duen ere behar bere horrek honek"},
    {"sqi", "Latin", "të e në dhe për me një i që nga është më nuk si do po kjo ky se ose"},
    {"afr", "Latin", "die en van in is het nie te dat vir met op was om aan wat by as sy word kan"},
    {"gle", "Latin", "an na agus ar is i go le a do ní sé bhí ag tá sin nó"},
    {"cym", "Latin", "y yn a i o ar yr mae ac am bod wedi ei gan hwn neu"},
    {"lat", "Latin", "et in est non ad ut cum qui quae ex per sed quod ab hoc sunt"},
    {"epo", "Latin", "la kaj de en estas al por ne ke mi kiu per aŭ"},
    {"swa", "Latin", "na ya wa kwa ni katika la za kuwa cha hii au"},
    {"fil", "Latin", "ang ng sa mga na at ay para ito hindi o may"},
    {"aze", "Latin", "və bir bu üçün ilə də da olan olaraq ki ya"},
    {"mlt", "Latin", "li ta il u fil minn dan għal huwa jew ma"},
    {"rus", "Cyrillic", "и в не на что с по для это как от из или то за к при если вы может будет"},
    {"ukr", "Cyrillic", "і в на не що з для до та це як від або за по при якщо ви може буде є"},
    {"bel", "Cyrillic", "і ў не на што з для да гэта як ад або па пры калі вы можа будзе"},
    {"bul", "Cyrillic", "и на за да се в от не е с по или са това при ако ще може като"},
    {"srp", "Cyrillic", "и је на се да у за не са су од или као ће ако из што може"},
    {"mkd", "Cyrillic", "и на да во се за не од со е или ќе ако што како"},
    {"kaz", "Cyrillic",
     "және бұл үшін мен бір болып деп жоқ пайдалану немесе барлық керек болады емес да де"},
    {"mon", "Cyrillic", "нь байна энэ болон бол та юм ба дээр бүх хийх байгаа эсвэл"},
    {"kir", "Cyrillic", "жана бул үчүн менен бир деп болуп эмес"},
    {"tat", "Cyrillic", "һәм бу өчен белән дә бер"},
    {"tgk", "Cyrillic", "ва дар ба ки аз аст бо барои"},
    {"ara", "Arabic", "من في على إلى أن هذا هذه التي أو لا ما مع عن هو كان"},
    {"fas", "Arabic", "در به از که این را است با برای یا آن می شود"},
    {"urd", "Arabic", "کے کی میں ہے اور سے کو کا نہیں پر یہ کر ہیں"},
    {"pus", "Arabic", "د په او چې له دي کې نه"},
    {"uig", "Arabic", "بۇ ۋە بىر بىلەن ئۈچۈن"},
    {"heb", "Hebrew", "של את על לא זה או הוא כי עם גם"},
    {"yid", "Hebrew", "די און צו פון אין איז"},
    {"hin", "Devanagari", "के है में की और को से का नहीं कि पर यह हैं"},
    {"mar", "Devanagari", "आहे आणि या हे नाही करा किंवा व आहेत"},
    {"nep", "Devanagari", "छ र को मा हो गर्न भएको वा छैन यो"},
    {"san", "Devanagari", "च न इति अपि तु एव"},
    {"ben", "Bengali", "এবং এই করা না জন্য"},
    {"asm", "Bengali", "আৰু এই কৰা"},
    {"chi_sim", "Han", ""},
    {"chi_tra", "Han", ""},
    {"jpn", "Japanese", ""},
    {"kor", "Hangul", ""},
    {"ell", "Greek", "και το να του η της για με την από που"},
    {"tha", "Thai", ""},
    {"lao", "Lao", ""},
    {"khm", "Khmer", ""},
    {"mya", "Myanmar", ""},
    {"kat", "Georgian", ""},
    {"hye", "Armenian", ""},
    {"tam", "Tamil", ""},
    {"tel", "Telugu", ""},
    {"kan", "Kannada", ""},
    {"mal", "Malayalam", ""},
    {"guj", "Gujarati", ""},
    {"pan", "Gurmukhi", ""},
    {"sin", "Sinhala", ""},
    {"ori", "Oriya", ""},
    {"amh", "Ethiopic", ""},
    {"tir", "Ethiopic", ""},
    {"bod", "Tibetan", ""},
    {"syr", "Syriac", ""},
    {"div", "Thaana", ""},
    {"chr", "Cherokee", ""},
    {"iku", "Canadian_Aboriginal", ""},
};

enum { N_LANGUAGES = sizeof languages / sizeof *languages };

static const struct {
    const char *name, *package;
} script_packs[] = {
    {"Arabic", "arab"},
    {"Armenian", "armn"},
    {"Bengali", "beng"},
    {"Canadian_Aboriginal", "cans"},
    {"Cherokee", "cher"},
    {"Cyrillic", "cyrl"},
    {"Devanagari", "deva"},
    {"Ethiopic", "ethi"},
    {"Fraktur", "frak"},
    {"Georgian", "geor"},
    {"Greek", "grek"},
    {"Gujarati", "gujr"},
    {"Gurmukhi", "guru"},
    {"Hangul", "hang"},
    {"Hangul_vert", "hang-vert"},
    {"HanS", "hans"},
    {"HanS_vert", "hans-vert"},
    {"HanT", "hant"},
    {"HanT_vert", "hant-vert"},
    {"Hebrew", "hebr"},
    {"Japanese", "jpan"},
    {"Japanese_vert", "jpan-vert"},
    {"Kannada", "knda"},
    {"Khmer", "khmr"},
    {"Lao", "laoo"},
    {"Latin", "latn"},
    {"Malayalam", "mlym"},
    {"Myanmar", "mymr"},
    {"Oriya", "orya"},
    {"Sinhala", "sinh"},
    {"Syriac", "syrc"},
    {"Tamil", "taml"},
    {"Telugu", "telu"},
    {"Thaana", "thaa"},
    {"Thai", "thai"},
    {"Tibetan", "tibt"},
    {"Vietnamese", "viet"},
};

const char *lang_folder(void) {
    static const char *const usual[] = {"/usr/share/tesseract-ocr/5/tessdata",
                                        "/usr/share/tesseract-ocr/4.00/tessdata",
                                        "/usr/share/tessdata", "/usr/local/share/tessdata"};
    const char *told = getenv("TESSDATA_PREFIX");
    if (told && *told) return told;
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
        if (access(usual[i], R_OK) == 0) return usual[i];
    return usual[0];
}

static bool is_pack_name(const char *code) {
    size_t n = strlen(code);
    if (n < 2 || n > 40) return false;
    for (; *code; code++)
        if (!isalnum((unsigned char)*code) && *code != '_' && *code != '-') return false;
    return true;
}

bool lang_installed(const char *code) {
    char path[1200];
    if (!is_pack_name(code)) return false;
    int n = snprintf(path, sizeof path, "%s/%s.traineddata", lang_folder(), code);
    return n > 0 && (size_t)n < sizeof path && access(path, R_OK) == 0;
}

void lang_package(const char *code, char package[64]) {
    for (size_t i = 0; i < sizeof script_packs / sizeof *script_packs; i++) {
        if (strcmp(script_packs[i].name, code) != 0) continue;
        snprintf(package, 64, "tesseract-ocr-script-%s", script_packs[i].package);
        return;
    }
    snprintf(package, 64, "tesseract-ocr-%.40s", code);
    for (char *c = package; *c; c++)
        if (*c == '_') *c = '-';
}

enum status lang_check(const char *list, struct error *err) {
    char missing[300] = "";
    size_t n_missing = 0;
    for (const char *at = list; *at;) {
        size_t n = strcspn(at, "+");
        char code[48];
        snprintf(code, sizeof code, "%.*s", (int)(n < 47 ? n : 47), at);
        if (!is_pack_name(code))
            return fail(err, STATUS_ARG, "no language is called \"%s\"; see --lang in the manual",
                        code);
        if (!lang_installed(code)) {
            char package[64];
            lang_package(code, package);
            size_t used = strlen(missing);
            snprintf(missing + used, sizeof missing - used, " %s", package);
            n_missing++;
        }
        at += n;
        if (*at == '+') at++;
    }
    if (!*list) return fail(err, STATUS_ARG, "an empty list of languages");
    if (n_missing > 0)
        return fail(err, STATUS_MISSING, "language pack missing for %s: apt-get install%s", list,
                    missing);
    return STATUS_OK;
}

size_t lang_of_script(const char *script, const char **codes, size_t max) {
    if (strcmp(script, "Katakana") == 0 || strcmp(script, "Hiragana") == 0) script = "Japanese";
    if (strcmp(script, "Korean") == 0) script = "Hangul";
    if (strcmp(script, "Fraktur") == 0) script = "Latin";
    size_t n = 0;
    for (size_t i = 0; i < N_LANGUAGES && n < max; i++)
        if (strcmp(languages[i].script, script) == 0) codes[n++] = languages[i].code;
    return n;
}

static bool code_writes(const char *code, const char *script) {
    if (strcmp(code, script) == 0) return true;
    if (strncmp(code, "Han", 3) == 0 && code[3] != 'g') return strcmp(script, "Han") == 0;
    // Japanese is written in Han letters too; vertical packs are called after the horizontal ones.
    bool japanese = strncmp(code, "jpn", 3) == 0 || strncmp(code, "Japanese", 8) == 0;
    if (japanese) return strcmp(script, "Japanese") == 0 || strcmp(script, "Han") == 0;
    size_t n = strlen(script);
    if (strncmp(code, script, n) == 0 && strcmp(code + n, "_vert") == 0) return true;
    for (size_t i = 0; i < N_LANGUAGES; i++) {
        n = strlen(languages[i].code);
        if (strncmp(code, languages[i].code, n) == 0 && (code[n] == '\0' || code[n] == '_') &&
            strcmp(languages[i].script, script) == 0)
            return true;
    }
    return false;
}

bool lang_writes(const char *list, const char *script) {
    for (const char *at = list; *at;) {
        char code[48];
        size_t n = strcspn(at, "+");
        snprintf(code, sizeof code, "%.*s", (int)(n < 47 ? n : 47), at);
        if (code_writes(code, script)) return true;
        at += n + (at[n] == '+');
    }
    return false;
}

bool lang_without_spaces(const char *list) {
    static const char *const scripts[] = {"Han", "Japanese", "Thai", "Lao", "Khmer", "Myanmar"};
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++)
        if (lang_writes(list, scripts[i])) return true;
    return false;
}

static const struct {
    uint32_t first, last;
    const char *script;
} ranges[] = {
    {0x41, 0x5a, "Latin"},        {0x61, 0x7a, "Latin"},
    {0xc0, 0x24f, "Latin"},       {0x370, 0x3ff, "Greek"},
    {0x400, 0x52f, "Cyrillic"},   {0x530, 0x58f, "Armenian"},
    {0x590, 0x5ff, "Hebrew"},     {0x600, 0x6ff, "Arabic"},
    {0x700, 0x74f, "Syriac"},     {0x750, 0x77f, "Arabic"},
    {0x780, 0x7bf, "Thaana"},     {0x900, 0x97f, "Devanagari"},
    {0x980, 0x9ff, "Bengali"},    {0xa00, 0xa7f, "Gurmukhi"},
    {0xa80, 0xaff, "Gujarati"},   {0xb00, 0xb7f, "Oriya"},
    {0xb80, 0xbff, "Tamil"},      {0xc00, 0xc7f, "Telugu"},
    {0xc80, 0xcff, "Kannada"},    {0xd00, 0xd7f, "Malayalam"},
    {0xd80, 0xdff, "Sinhala"},    {0xe00, 0xe7f, "Thai"},
    {0xe80, 0xeff, "Lao"},        {0xf00, 0xfff, "Tibetan"},
    {0x1000, 0x109f, "Myanmar"},  {0x10a0, 0x10ff, "Georgian"},
    {0x1100, 0x11ff, "Hangul"},   {0x1200, 0x139f, "Ethiopic"},
    {0x13a0, 0x13ff, "Cherokee"}, {0x1400, 0x167f, "Canadian_Aboriginal"},
    {0x1780, 0x17ff, "Khmer"},    {0x1e00, 0x1eff, "Latin"},
    {0x1f00, 0x1fff, "Greek"},    {0x3040, 0x30ff, "Japanese"},
    {0x4e00, 0x9fff, "Han"},      {0xac00, 0xd7af, "Hangul"},
};

enum { N_RANGES = sizeof ranges / sizeof *ranges };

const char *lang_script_of_text(struct str text) {
    size_t count[N_RANGES] = {0};
    uint32_t c;
    while (utf8_next(&text, &c))
        for (size_t i = 0; i < N_RANGES; i++)
            if (c >= ranges[i].first && c <= ranges[i].last) {
                count[i]++;
                break;
            }
    size_t best = 0, best_count = 0;
    for (size_t i = 0; i < N_RANGES; i++) {
        size_t sum = 0;
        for (size_t j = 0; j < N_RANGES; j++)
            if (strcmp(ranges[j].script, ranges[i].script) == 0) sum += count[j];
        if (strcmp(ranges[i].script, "Japanese") == 0) sum *= 3; // most letters of Japanese are Han
        if (sum > best_count) {
            best = i;
            best_count = sum;
        }
    }
    return best_count > 0 ? ranges[best].script : "";
}

/* Letters that look alike to a pack for another language, and those without decomposition. */
static uint32_t plain_letter(uint32_t c) {
    switch (c) {
    case 0x142: return 'l';   // ł
    case 0xf8: return 'o';    // ø
    case 0x111: return 'd';   // đ
    case 0x131: return 'i';   // ı
    case 0x259: return 'e';   // ə
    case 0x6a9: return 0x643; // Arabic kaf
    case 0x6cc:
    case 0x6d2: return 0x64a; // yeh, yeh barree
    case 0x6c1:
    case 0x6be: return 0x647; // heh
    case 0x456: return 'i';   // Cyrillic i
    default: return c;
    }
}

/* Lower case, without marks on Latin, Greek and Cyrillic letters; everything that is no letter
 * becomes a blank. n receives the length; the caller frees. */
static uint32_t *folded(struct str text, size_t *n) {
    size_t cap = text.n + 1, length = 0;
    uint32_t *letters = mem_alloc(mem_product(cap, sizeof *letters)), c;
    while (utf8_next(&text, &c)) letters[length++] = c;
    size_t n_lower = 0;
    uint32_t *lower = u32_tolower(letters, length, NULL, UNINORM_NFD, NULL, &n_lower);
    mem_free(letters);
    if (!lower) mem_exhausted(length);
    uint32_t *out = mem_alloc(mem_product(n_lower + 2, sizeof *out));
    *n = 0;
    for (size_t i = 0; i < n_lower; i++) {
        if (lower[i] >= 0x300 && lower[i] <= 0x36f) continue;
        bool keeps =
            uc_is_general_category_withtable(lower[i], UC_CATEGORY_MASK_L | UC_CATEGORY_MASK_M);
        out[(*n)++] = keeps ? plain_letter(lower[i]) : ' ';
    }
    free(lower);
    return out;
}

struct word_list {
    uint32_t *letters;
    size_t n;
};

static bool next_word(const uint32_t *letters, size_t n, size_t *at, size_t *from) {
    while (*at < n && letters[*at] == ' ') ++*at;
    *from = *at;
    while (*at < n && letters[*at] != ' ') ++*at;
    return *at > *from;
}

static bool list_has(const struct word_list *list, const uint32_t *word, size_t n) {
    for (size_t at = 0, from; next_word(list->letters, list->n, &at, &from);)
        if (at - from == n && memcmp(list->letters + from, word, n * sizeof *word) == 0)
            return true;
    return false;
}

static double share_of(const struct language *language, const uint32_t *text, size_t n) {
    struct word_list list;
    list.letters = folded(str_from(language->words), &list.n);
    size_t n_words = 0, n_hits = 0;
    for (size_t at = 0, from; next_word(text, n, &at, &from);) {
        n_words++;
        n_hits += list_has(&list, text + from, at - from);
    }
    mem_free(list.letters);
    return n_words > 0 ? (double)n_hits / (double)n_words : 0;
}

size_t lang_guess(struct str text, const char *script, struct lang_guess *guesses, size_t max) {
    size_t n_letters, n = 0;
    uint32_t *letters = folded(text, &n_letters);
    for (size_t i = 0; i < N_LANGUAGES; i++) {
        if (strcmp(languages[i].script, script) != 0) continue;
        double share = share_of(&languages[i], letters, n_letters);
        if (share <= 0) continue;
        size_t at = n < max ? n++ : max;
        while (at > 0 && guesses[at - 1].share < share) { // insertion; the worst falls off the end
            if (at < max) guesses[at] = guesses[at - 1];
            at--;
        }
        if (at < max) guesses[at] = (struct lang_guess){languages[i].code, share};
    }
    mem_free(letters);
    return n;
}
