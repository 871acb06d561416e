/* Which sounds the words of a prompt ask for, and what belongs to a scene. */
#include "sound.h"

#include <ctype.h>

/* clang-format off */
static const struct { sound_play *play; double gain; const char *words; } table[] = {
    {sound_rain,      1.0, "rain raining rainy rainfall drizzle downpour shower storm thunderstorm regen pluie lluvia"},
    {sound_thunder,   1.0, "thunder thunderstorm lightning storm donner gewitter tonnerre trueno tormenta"},
    {sound_wind,      0.9, "wind windy breeze gust gale hurricane tornado blizzard howling storm sturm vent viento"},
    {sound_sea,       1.0, "sea ocean wave surf beach shore coast tide meer welle brandung mer oceano ola"},
    {sound_stream,    1.0, "stream river brook creek water waterfall fountain splash bubble drip bach fluss wasser riviere agua rio"},
    {sound_fire,      1.0, "fire campfire fireplace flame burning crackle crackling feuer feu fuego"},
    {sound_birds,     0.9, "bird birdsong chirp chirping tweet sparrow robin nightingale dawn forest jungle spring vogel wald oiseau pajaro"},
    {sound_crickets,  0.9, "cricket cicada insect night grille nuit noche nacht"},
    {sound_dog,       1.0, "dog bark barking puppy hound hund chien perro"},
    {sound_heartbeat, 1.0, "heart heartbeat pulse herz herzschlag coeur corazon"},
    {sound_bell,      1.0, "bell church gong toll glocke cloche campana"},
    {sound_chimes,    1.0, "chime magic magical sparkle fairy coin pickup reward success twinkle level win"},
    {sound_engine,    1.0, "engine car motor truck motorcycle vehicle tractor bus racing auto moteur coche"},
    {sound_footsteps, 1.0, "footstep step steps walking walk running gravel boots schritt pas paso"},
    {sound_beep,      0.9, "beep beeping alarm notification button click ui alert timer microwave electronic"},
    {sound_phone,     0.9, "phone telephone ringtone ringing telefon"},
    {sound_siren,     0.8, "siren police ambulance"},
    {sound_clock,     1.0, "clock tick ticking tock watch uhr horloge reloj"},
    {sound_knock,     1.0, "knock knocking door klopfen porte puerta"},
    {sound_creak,     0.9, "creak creaking squeak hinge haunted wooden knarren"},
    {sound_whoosh,    1.0, "whoosh swoosh swish transition fly flying pass arrow sword"},
    {sound_explosion, 1.0, "explosion explode boom blast bomb cannon gunshot fireworks crash impact hit"},
    {sound_laser,     0.9, "laser zap blaster sci-fi scifi ray spaceship robot"},
    {sound_glass,     1.0, "glass shatter shattering breaking window bottle"},
    {sound_applause,  1.0, "applause clap clapping crowd audience cheer"},
    {sound_keys,      1.0, "keyboard typing typewriter keys office"},
    {sound_train,     0.9, "train railway locomotive subway zug tren"},
    {sound_rumble,    0.8, "rumble earthquake drone bass machine cave deep"},
    {sound_pad,       1.0, "music ambient ambience atmosphere meditation calm dream pad piano space soundtrack melody"},
};
/* clang-format on */

static bool listed(const char *list, const char *word, size_t len)
{
    for (const char *p = list; (p = strstr(p, word)); p += len)
        if ((p == list || p[-1] == ' ') && (p[len] == ' ' || !p[len]))
            return true;
    return false;
}

static bool names(const char *list, char *word)
{
    size_t len = strlen(word);
    if (len < 2)
        return false;
    if (listed(list, word, len))
        return true;
    if (len > 3 && word[len - 1] == 's') {
        char *plural = ym_strndup(word, len - 1);
        bool found = listed(list, plural, len - 1);
        free(plural);
        return found;
    }
    return false;
}

/* Bits of the table that the prompt names. */
static uint64_t heard_in(const char *prompt)
{
    uint64_t heard = 0;
    char word[40];
    size_t n = 0;
    for (const char *p = prompt;; p++) {
        if (isalnum((unsigned char)*p) || *p == '-') {
            if (n < sizeof(word) - 1)
                word[n++] = (char)tolower((unsigned char)*p);
            continue;
        }
        word[n] = '\0';
        for (size_t i = 0; n > 0 && i < YM_COUNT(table); i++)
            if (names(table[i].words, word))
                heard |= (uint64_t)1 << i;
        n = 0;
        if (!*p)
            return heard;
    }
}

void sound_of_words(struct sound *s, const char *prompt, uint64_t seed)
{
    uint64_t heard = heard_in(prompt);
    struct rng r = {rng_hash(prompt, strlen(prompt), seed)};
    if (!heard) { /* something that swings by, and what lingers of it */
        sound_play *const any[] = {sound_whoosh, sound_chimes, sound_pad, sound_rumble};
        any[rng_below(&r, 2)](s, &r, 0.8);
        any[2 + rng_below(&r, 2)](s, &r, 0.5);
        return;
    }
    for (size_t i = 0, n = 0; i < YM_COUNT(table) && n < 4; i++)
        if (heard & (uint64_t)1 << i) {
            struct rng own = {rng_next(&r)};
            table[i].play(s, &own, table[i].gain);
            n++;
        }
}

void sound_of_scene(struct sound *s, const struct scene *sc, uint64_t seed)
{
    struct rng r = {seed ^ 0x736f756e64};
    bool land = sc->places & (IN_FOREST | IN_MEADOW | IN_MOUNTAINS | IN_LAKE | IN_DESERT | IN_SKY);
    if (sc->weather == SKY_RAIN || sc->weather == SKY_STORM)
        sound_rain(s, &r, 0.8);
    if (sc->weather == SKY_STORM)
        sound_thunder(s, &r, 0.6);
    if (sc->places & (IN_SEA | IN_BEACH))
        sound_sea(s, &r, 1);
    else if (sc->places & IN_LAKE)
        sound_stream(s, &r, 0.7);
    if (sc->places & IN_UNDERWATER) {
        sound_rumble(s, &r, 0.5);
        sound_stream(s, &r, 0.4);
    }
    if (land)
        sound_wind(s, &r, sc->places & (IN_FOREST | IN_MEADOW) ? 0.45 : 0.8);
    if (land && sc->hour == AT_NIGHT && sc->weather != SKY_SNOW && sc->season != SEASON_WINTER)
        sound_crickets(s, &r, 0.5);
    else if (sc->places & (IN_FOREST | IN_MEADOW) && sc->season != SEASON_WINTER && sc->weather <= SKY_CLOUDS)
        sound_birds(s, &r, 0.4);
    if (sc->places & IN_CITY)
        sound_rumble(s, &r, 0.6);
    if (sc->places & (IN_SPACE | IN_ABSTRACT | IN_CITY) || !land)
        sound_pad(s, &r, sc->places & (IN_SEA | IN_BEACH) ? 0.25 : 0.7);
}
