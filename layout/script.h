/*
 * layout/script.h - what a code point is, as far as layout needs to know. libunistring's home in
 * layout.
 */
#ifndef LAYOUT_SCRIPT_H
#define LAYOUT_SCRIPT_H

#include <stdbool.h>
#include <stdint.h>

#include "util/str.h"

struct arena;

bool char_is_space(uint32_t c);
bool char_is_rtl(uint32_t c);  // strong right-to-left letter
bool char_is_ltr(uint32_t c);  // strong left-to-right letter
bool char_is_mark(uint32_t c); // combining: belongs to the character before it
bool char_is_letter(uint32_t c);
bool char_is_digit(uint32_t c); // of any script
bool char_is_upper(uint32_t c);
bool char_is_lower(uint32_t c);
bool char_is_ideograph(uint32_t c); // Han, kana, bopomofo, CJK punctuation: no spaces between
bool char_joins_without_space(uint32_t c); // ideographs, Thai, Lao, Khmer, Myanmar: lines join bare
uint32_t char_mirror(uint32_t c);          // ( -> ), 0 when it has no mirror image

uint32_t str_first_char(struct str s); // 0 when empty
uint32_t str_last_char(struct str s);

/* NFC; Arabic and Hebrew presentation forms, Latin ligatures and full-width ASCII variants of
 * letters that fonts produce are replaced by the letters they stand for. */
struct str text_normalise(struct arena *arena, struct str text);

/* +1 when strong left-to-right characters outweigh, -1 right-to-left, 0 when there are none. */
int text_direction(struct str text);

#endif
