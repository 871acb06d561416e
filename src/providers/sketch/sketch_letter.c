/* The prompt, lettered small at the foot of the picture, and how to get a real one. */
#include "art.h"

#include <pango/pangocairo.h>

static const char hint[] = "offline sketch: set GOOGLE_API_KEY and save again";

/* One line or two of text within `width`; the layout is the caller's to free. */
static PangoLayout *layout_new(PangoContext *ctx, const char *text, double size, int width,
                               bool slanted, int lines)
{
    PangoLayout *l = pango_layout_new(ctx);
    PangoFontDescription *d = pango_font_description_new();
    pango_font_description_set_family_static(d, slanted ? "Serif" : "Sans");
    pango_font_description_set_style(d, slanted ? PANGO_STYLE_ITALIC : PANGO_STYLE_NORMAL);
    pango_font_description_set_absolute_size(d, size * PANGO_SCALE);
    pango_layout_set_font_description(l, d);
    pango_font_description_free(d);
    pango_layout_set_width(l, width * PANGO_SCALE);
    pango_layout_set_height(l, -lines);
    pango_layout_set_wrap(l, PANGO_WRAP_WORD_CHAR);
    pango_layout_set_ellipsize(l, PANGO_ELLIPSIZE_END);
    pango_layout_set_text(l, text, -1);
    return l;
}

static void layout_show(struct art *a, PangoLayout *l, double x, double y, double alpha)
{
    cairo_t *cr = a->cr;
    double off = fmax(0.6, a->unit / 1100);
    cairo_move_to(cr, x + off, y + off);
    cairo_set_source_rgba(cr, 0, 0, 0, 0.55 * alpha);
    pango_cairo_show_layout(cr, l);
    cairo_move_to(cr, x, y);
    cairo_set_source_rgba(cr, 1, 0.985, 0.95, alpha);
    pango_cairo_show_layout(cr, l);
}

static void scrim_paint(struct art *a, double top)
{
    cairo_pattern_t *p = cairo_pattern_create_linear(0, top - a->h * 0.05, 0, a->h);
    cairo_pattern_add_color_stop_rgba(p, 0, 0.02, 0.02, 0.05, 0);
    cairo_pattern_add_color_stop_rgba(p, 0.45, 0.02, 0.02, 0.05, 0.26);
    cairo_pattern_add_color_stop_rgba(p, 1, 0.02, 0.02, 0.05, 0.50);
    cairo_set_source(a->cr, p);
    cairo_rectangle(a->cr, 0, top - a->h * 0.05, a->w, a->h);
    cairo_fill(a->cr);
    cairo_pattern_destroy(p);
}

void letter_paint(struct art *a, const char *prompt)
{
    /* A map of our own (2 ms): nothing is shared with other workers or left from earlier calls. */
    PangoFontMap *map = pango_cairo_font_map_new();
    if (!map)
        return;
    size_t len = strlen(prompt);
    const char *text = ym_text_trim(prompt, &len);
    YM_AUTOBUF struct ym_buf line;
    ym_buf_init(&line, 4096);
    ym_text_escape(&line, text, len, 1200);
    PangoContext *ctx = pango_font_map_create_context(map);
    double margin = a->unit * 0.035, size = clampd(a->unit * 0.024, 6, 90),
           small = clampd(a->unit * 0.0145, 5, 56);
    int width = (int)(a->w - 2 * margin), tall = 0, low = 0;
    PangoLayout *big = layout_new(ctx, line.data ? line.data : "", size, width, true, 2);
    PangoLayout *tip = layout_new(ctx, hint, small, width, false, 1);
    pango_layout_get_pixel_size(big, NULL, &tall);
    pango_layout_get_pixel_size(tip, NULL, &low);
    double y = a->h - margin * 0.85 - low - tall - small * 0.25;
    if (pango_layout_get_unknown_glyphs_count(tip) == 0) { /* else there is no font at all */
        scrim_paint(a, y);
        layout_show(a, big, margin, y, 0.95);
        layout_show(a, tip, margin, y + tall + small * 0.25, 0.66);
    }
    g_object_unref(big);
    g_object_unref(tip);
    g_object_unref(ctx);
    g_object_unref(map);
}
