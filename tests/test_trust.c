/* tests/test_trust.c - texts that must pass as sound, and texts that must not. */
#include "pipeline/trust.h"
#include "tests/check.h"
#include "util/arena.h"

static struct content words_of(struct arena *arena, const char *text) {
    struct content c = {.words = ARENA_ARRAY(arena, 1000, struct word)};
    struct str rest = str_from(text);
    while (rest.n > 0) {
        size_t n = str_find(rest, STR(" "));
        if (n > 0) c.words[c.n_words++].text = str_sub(rest, 0, n);
        rest = n < rest.n ? str_sub(rest, n + 1, rest.n) : (struct str){0};
    }
    return c;
}

static const struct {
    const char *name;
    bool garbled;
    const char *text;
} cases[] = {
    {"English", false,
     "All human beings are born free and equal in dignity and rights. They are endowed with reason "
     "and "
     "conscience and should act towards one another in a spirit of brotherhood."},
    {"Czech", false,
     "Všichni lidé rodí se svobodní a sobě rovní co do důstojnosti a práv. Jsou nadáni rozumem a "
     "svědomím "
     "a mají spolu jednat v duchu bratrství. Strč prst skrz krk, čtvrť, smrt, vlk zmrzl."},
    {"Polish", false,
     "Wszyscy ludzie rodzą się wolni i równi pod względem swej godności i swych praw. Są oni "
     "obdarzeni "
     "rozumem i sumieniem i powinni postępować wobec innych w duchu braterstwa."},
    {"Welsh", false,
     "Genir pawb yn rhydd ac yn gydradd â'i gilydd mewn urddas a hawliau. Fe'u cynysgaeddir â "
     "rheswm a "
     "chydwybod, a dylai pawb ymddwyn y naill at y llall mewn ysbryd cymodlon."},
    {"Russian", false,
     "Все люди рождаются свободными и равными в своем достоинстве и правах. Они наделены разумом и "
     "совестью и должны поступать в отношении друг друга в духе братства."},
    {"Greek", false,
     "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια και τα δικαιώματα. Είναι "
     "προικισμένοι με λογική και συνείδηση, και οφείλουν να συμπεριφέρονται."},
    {"Chinese with Latin letters", false,
     "本合同由ABC有限公司与甲方签订 第一条定义 演绎作品(Adapted Material) "
     "指受到著作权与类似权利保护的作品 "
     "CC BY 4.0公共许可协议国际版 material)而获得利益 使用iPhone和WiFi连接USB接口 项目PCT NEU% "
     "LYM# 白细胞计数(WBC)"},
    {"Arabic", false,
     "يولد جميع الناس أحرارا متساوين في الكرامة والحقوق وقد وهبوا عقلا وضميرا وعليهم أن يعامل "
     "بعضهم بعضا "
     "بروح الإخاء"},
    {"Hindi", false,
     "सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता और समानता प्राप्त है उन्हें बुद्धि और अन्तरात्मा "
     "की देन "
     "प्राप्त है"},
    {"numbers", false,
     "1,234.50 99.1% 2024-11-02 $4,500 (12) -3.25 1e-5 77 0.001 12/31/2023 +41 22 767 11 11 "
     "€1.200,00 "
     "3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18"},
    {"formulas", false,
     "f(x) = ∑ a_i x^i + ∫ g(t) dt ≤ ‖x‖² ∀ε>0 ∃δ: |x−y|<δ ⇒ |f(x)−f(y)|<ε λ₁ ≥ λ₂ α+β=γ "
     "det(A−λI)=0"},
    {"program text", false,
     "static int count(const char *s) { int n = 0; for (; *s; s++) n += *s == ' '; return n; } "
     "void addListener(EventHandler h) { this.handlers.push_back(h); } if (x != NULL && y > 0) { "
     "z[i] += 1; }"},
    {"abbreviations", false,
     "NATO UNHCR WTO HTML CSS XML HTTPS GmbH NGO IPCC SDG UNDP WHO FAO ILO IMF BRD DDR CHF kWh "
     "mmHg"},
    {"addresses", false,
     "www.cninfo.com.cn www.hkexnews.hk www.gnmrfx.com.cn http://rfc.ftp.gmx.de/pub/txt.tgz "
     "tmp/src.lst "
     "www.cninfo.com.cn www.hkexnews.hk www.gnmrfx.com.cn my_str_ptr fd_cnt_max jkl@smtp.mx.ch "
     "www.bbc.tv "
     "www.hkexnews.hk www.cninfo.com.cn www.hkexnews.hk"},
    {"dot leaders", false,
     "Contents ................ Introduction ................ 1 Methods ................ 7 Results "
     "................ 12 ________________ Signature"},
    {"letters shifted by three", true,
     "Doo kxpdq ehlqjv duh eruq iuhh dqg htxdo lq gljqlwb dqg uljkwv Wkhb duh hqgrzhg zlwk uhdvrq "
     "dqg "
     "frqvflhqfh dqg vkrxog dfw wrzdugv rqh dqrwkhu lq d vslulw ri eurwkhukrrg"},
    {"letters shifted into punctuation", true,
     "$OO KXPDQ EHLQJV DUH ERUQ IUHH DQG HTXDO LQ GLJQLW\\ DQG ULJKWV 7KH\\ DUH HQGRZHG ZLWK "
     "UHDVRQ DQG "
     "FRQVFLHQFH DQG VKRXOG DFW WRZDUGV RQH DQRWKHU LQ D VSLULW RI EURWKHUKRRG"},
    {"another code page", true,
     "£± Ä¿¡¡¡¡Â¼ ¹ØÓÚºì¾ü×÷Õ½µÄÔ-Ôò £¨Ò»¾ÅÈýÆßÄê°ËÔÂÒ»ÈÕ£© ¶Ô¹ú·ÀÎÊÌâµÄÒâ¼û £³ "
     "£¨Ò»¾ÅÈýÆßÄê°ËÔÂËÄÈÕ£© "
     "Í¬¸÷·½½ÓÇ¢ÒªÓÐÇ«Ñ·Ì¬¶È"},
    {"symbols for letters", true,
     "!\"#& ;<>? [\\]^ `{|} ~!\"# &*;< >?@[ \\]^` {|}~ !\"#& ;<>? [\\]^ `{|} ~!\"# &*;< >?@[ \\]^` "
     "{|}~"},
    {"alphabets mixed inside words", true,
     "Кaбlе Ωmеgα тrаnѕ ρrосеѕѕ Яussiа ДОС оffiсе ναluе ƒоrmаt ԁосumеnt lеttеr раgеѕ сhаrt fоrmѕ "
     "mоdеl"},
    {"too little to tell", false, "Qxz vbn"},
};

int main(void) {
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct content c = words_of(arena, cases[i].text);
        CHECK(trust_looks_garbled(&c) == cases[i].garbled, "%s", cases[i].name);
        float sanity = trust_sanity(&c);
        bool prose = i < 9;
        CHECK(!prose || sanity >= 0.7f, "%s: sanity %.2f", cases[i].name, sanity);
    }
    arena_free(arena);
    return check_end("test_trust");
}
