/* pipeline/exif.c - see exif.h. */
#include "pipeline/exif.h"

#include <libexif/exif-data.h>
#include <limits.h>
#include <string.h>

#include "util/mem.h"

int exif_orientation(struct str exif) {
    static const char header[] = "Exif\0"; // with its NUL: the 6 bytes libexif wants in front
    if (exif.n < 14 || exif.n > UINT_MAX / 2) return 1;
    size_t n = sizeof header + exif.n;
    unsigned char *block = mem_alloc(n);
    memcpy(block, header, sizeof header);
    memcpy(block + sizeof header, exif.s, exif.n);
    int orientation = 1;
    ExifData *data = exif_data_new();
    if (data) {
        exif_data_unset_option(data, EXIF_DATA_OPTION_FOLLOW_SPECIFICATION); // reads, mends nothing
        exif_data_load_data(data, block, (unsigned)n);
        ExifEntry *entry = exif_content_get_entry(data->ifd[EXIF_IFD_0], EXIF_TAG_ORIENTATION);
        if (entry && entry->format == EXIF_FORMAT_SHORT && entry->size >= 2)
            orientation = exif_get_short(entry->data, exif_data_get_byte_order(data));
        exif_data_unref(data);
    }
    mem_free(block);
    return orientation >= 1 && orientation <= 8 ? orientation : 1;
}
