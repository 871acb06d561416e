#include "unit.h"

#include <ymago/media.h>

#define Z4      "\0\0\0\0"
#define Z16     Z4 Z4 Z4 Z4
#define H(text) text, sizeof(text) - 1

static const struct {
    const char *head;
    size_t len;
    const char *ext; /* NULL = no media */
} cases[] = {
    {H("\x89PNG\r\n\x1a\n\0\0\0\rIHDR"), "png"},
    {H("\xff\xd8\xff\xe0\0\x10JFIF\0\1"), "jpg"},
    {H("\xff\xd8\xff\xdb\0\x43" Z16), "jpg"},
    {H("GIF87a" Z16), "gif"},
    {H("GIF89a" Z16), "gif"},
    {H("GIF90a" Z16), NULL},
    {H("RIFF\x12\0\0\0WEBPVP8L"), "webp"},
    {H("RIFF\x12\0\0\0WAVEfmt "), "wav"},
    {H("RIFF\x12\0\0\0AVI LIST"), NULL},
    {H("\0\0\0\x1c"
       "ftypavif\0\0\0\0mif1avif"),
     "avif"},
    {H("\0\0\0\x1c"
       "ftypmif1\0\0\0\0mif1avif"),
     "avif"},
    {H("\0\0\0\x1c"
       "ftypmif1\0\0\0\0mif1heic"),
     "heic"},
    {H("\0\0\0\x18"
       "ftypmif1\0\0\0\0mif1miaf"),
     "heif"},
    {H("\0\0\0\x14"
       "ftypmif1\0\0\0\0mif1avif"),
     "heif"}, /* beyond its box */
    {H("\0\0\0\x18"
       "ftypheic\0\0\0\0mif1heic"),
     "heic"},
    {H("\0\0\0\x20"
       "ftypisom\0\0\2\0isomiso2avc1mp41"),
     "mp4"},
    {H("\0\0\0\x18"
       "ftypmp42\0\0\0\0mp42isom"),
     "mp4"},
    {H("\0\0\0\x18"
       "ftypXXXX\0\0\0\0YYYYisom"),
     "mp4"},
    {H("\0\0\0\x14"
       "ftypqt  \0\0\0\0qt  "),
     "mov"},
    {H("\0\0\0\x18"
       "ftypM4A \0\0\0\0M4A isom"),
     "m4a"},
    {H("\0\0\0\x18"
       "ftypcrx \0\0\0\0crx "),
     NULL},
    {H("\0\0\0\x14"
       "ftypjp2 \0\0\0\0jp2 "),
     NULL},
    {H("\0\0\0\x08"
       "ftypisom\0\0\2\0isom"),
     NULL},
    {H("\x1a\x45\xdf\xa3\x9f\x42\x86\x81\1\x42\x82\x84webm\x42\x87\x81\4"), "webm"},
    {H("\x1a\x45\xdf\xa3\1\0\0\0\0\0\0\x23\x42\x86\x81\1\x42\x82\x88matroska"), "mkv"},
    {H("\x1a\x45\xdf\xa3\x9f\x42\x82\x86webm\0\0"), "webm"},
    {H("\x1a\x45\xdf\xa3\x9f\x42\x82\x84pdfx" Z4), NULL},
    {H("\x1a\x45\xdf\xa3\x9f\x42\x82\xffwebm" Z4), NULL},
    {H("\x1a\x45\xdf\xa3\0\0\0\0\0\0\0\0"), NULL},
    {H("\x1a\x45\xdf\xa3\x9f\x42\x82\x90webm" Z4), NULL}, /* longer than what is there */
    {H("ID3\4\0\0\0\0\x10\0" Z4), "mp3"},
    {H("ID3 is a tag, this is text"), NULL},
    {H("\xff\xfb\x90\x64" Z16), "mp3"},
    {H("\xff\xf3\x40\xc4" Z16), "mp3"},
    {H("\xff\xfb\xf0\x64" Z16), NULL}, /* no such bit rate */
    {H("\xff\xfb\x9c\x64" Z16), NULL}, /* no such sampling rate */
    {H("\xff\xf1\x50\x80" Z16), "aac"},
    {H("\xff\xf9\x50\x80" Z16), "aac"},
    {H("\xff\xfe"
       "t\0e\0x\0t\0i\0n\0"),
     NULL}, /* UTF-16 text */
    {H("OggS\0\2" Z16 Z4 "\x01\x1eOpusHead"), "ogg"},
    {H("OggS\0\2" Z16 Z4 "\x01\x1e\1vorbis\0"), "ogg"},
    {H("OggS\0\2" Z16 Z4 "\x01\x1e\x7f"
       "FLAC\1\0\0"),
     "ogg"},
    {H("OggS\0\2" Z16 Z4 "\x01\x1e\x80theora\3"), NULL},
    {H("fLaC\0\0\0\x22" Z16), "flac"},
    {H("<svg xmlns=\"http://www.w3.org/2000/svg\">"), NULL},
    {H("<?xml version=\"1.0\"?><svg>"), NULL},
    {H("<!DOCTYPE html><html>"), NULL},
    {H("#EXTM3U\n#EXT-X-VERSION:3\n"), NULL},
    {H("ffconcat version 1.0\nfile /etc/passwd"), NULL},
    {H("[playlist]\nFile1=x.mp3\n"), NULL},
    {H("PK\3\4\x14\0\0\0" Z16), NULL},
    {H("\x1f\x8b\x08\0" Z16), NULL},
    {H("7z\xbc\xaf\x27\x1c\0\4" Z16), NULL},
    {H("%PDF-1.7 and more"), NULL},
    {H("BM\x46\0\0\0\0\0\0\0\x36\0\0\0"), NULL},
    {H("II*\0\x08\0\0\0" Z16), NULL},
    {H("{\"error\": \"no picture\"}"), NULL},
    {H(""), NULL},
};

static void first_bytes_tell(void **state)
{
    (void)state;
    for (size_t i = 0; i < YM_COUNT(cases); i++) {
        /* A copy of exactly that length: the sanitizers then see every byte too many. */
        YM_AUTOFREE uint8_t *head = ym_alloc(cases[i].len ? cases[i].len : 1);
        memcpy(head, cases[i].head, cases[i].len);
        const struct ym_media_type *t = ym_media_sniff(head, cases[i].len);
        const char *got = t ? t->ext : "none", *want = cases[i].ext ? cases[i].ext : "none";
        if (strcmp(got, want) != 0)
            fail_msg("case %zu: %s, not %s", i, got, want);
        for (size_t n = 0; n < cases[i].len; n++) {
            YM_AUTOFREE uint8_t *cut = ym_alloc(n ? n : 1);
            memcpy(cut, cases[i].head, n);
            const struct ym_media_type *u = ym_media_sniff(cut, n);
            /* Fewer bytes may tell less, but never make media of what is none. */
            assert_true(!u || t);
        }
    }
}

static void kinds_and_names_belong_together(void **state)
{
    (void)state;
    static const struct {
        const char *ext, *mime;
    } rows[] = {
        {"png", "image/png"},   {"JPG", "image/jpeg"},       {"jpeg", "image/jpeg"},
        {"webp", "image/webp"}, {"gif", "image/gif"},        {"avif", "image/avif"},
        {"heic", "image/heic"}, {"mp4", "video/mp4"},        {"MOV", "video/quicktime"},
        {"webm", "video/webm"}, {"mkv", "video/x-matroska"}, {"mp3", "audio/mpeg"},
        {"wav", "audio/wav"},   {"opus", "audio/ogg"},       {"flac", "audio/flac"},
        {"m4a", "audio/mp4"},   {"aac", "audio/aac"},
    };
    for (size_t i = 0; i < YM_COUNT(rows); i++) {
        assert_true(ym_media_is_ext(rows[i].ext));
        assert_string_equal(ym_media_mime_of_ext(rows[i].ext), rows[i].mime);
    }
    static const char *const none[] = {"", "txt", "json", "svg", "bmp", "pn", "pngx", ".png", "md"};
    for (size_t i = 0; i < YM_COUNT(none); i++) {
        assert_false(ym_media_is_ext(none[i]));
        assert_null(ym_media_mime_of_ext(none[i]));
    }
    /* What is sniffed is listed, under the same type. */
    for (size_t i = 0; i < YM_COUNT(cases); i++)
        if (cases[i].ext) {
            const struct ym_media_type *t =
                ym_media_sniff((const uint8_t *)cases[i].head, cases[i].len);
            assert_string_equal(ym_media_mime_of_ext(t->ext), t->mime);
            static const char *const kinds[] = {"image/", "video/", "audio/"};
            assert_int_equal(strncmp(t->mime, kinds[t->kind], 6), 0);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_bytes_tell),
        cmocka_unit_test(kinds_and_names_belong_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
