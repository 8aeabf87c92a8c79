/*
 * pipeline/exif.h - what the camera says about a photograph. libexif's home is exif.c.
 */
#ifndef PIPELINE_EXIF_H
#define PIPELINE_EXIF_H

#include "util/str.h"

/* The orientation tag, 1 to 8 as in TIFF 6.0 and Exif 2.3 sec. 4.6.4; 1 when there is none or it
 * cannot be read. exif: the block from its byte-order mark on (sniff_exif). */
int exif_orientation(struct str exif);

#endif
