/* pipeline/versions.c - see versions.h. The one file that meets many libraries, to ask their names. */
#include "pipeline/versions.h"

#include <cairo.h>
#include <leptonica/allheaders.h>
#include <openssl/crypto.h>
#include <poppler.h>
#include <qpdf/qpdf-c.h>
#include <seccomp.h>
#include <tesseract/capi.h>
#include <tiffio.h>
#include <zip.h>

void versions_print(FILE *out) {
    const struct scmp_version *seccomp = seccomp_version();
    char *leptonica = getLeptonicaVersion();
    int tiff = 0;
    const char *tiff_text = TIFFGetVersion(); // "LIBTIFF, Version 4.5.0\nCopyright ..."
    while (tiff_text[tiff] && tiff_text[tiff] != '\n') tiff++;
    fprintf(out, "docmill %s\n", DOCMILL_VERSION);
    fprintf(out, "poppler %s\n", poppler_get_version());
    fprintf(out, "qpdf %s\n", qpdf_get_qpdf_version());
    fprintf(out, "tesseract %s\n", TessVersion());
    fprintf(out, "%s\n", leptonica ? leptonica : "leptonica");
    fprintf(out, "%.*s\n", tiff, tiff_text);
    fprintf(out, "cairo %s\n", cairo_version_string());
    fprintf(out, "libzip %s\n", zip_libzip_version());
    fprintf(out, "%s\n", OpenSSL_version(OPENSSL_VERSION));
    fprintf(out, "libseccomp %u.%u.%u\n", seccomp->major, seccomp->minor, seccomp->micro);
    lept_free(leptonica);
}
