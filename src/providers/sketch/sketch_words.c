/* From words to a scene. Words are matched whole, in lower case and without accents. */
#include "art.h"

#include <glib.h>

enum about { PLACE, EXTRA, FIGURE, HOUR, WEATHER, SEASON, COLOR, DEEP };

struct words {
    enum about about;
    uint32_t value; /* a bit for PLACE and EXTRA, 0xrrggbb for COLOR, else the enum */
    const char *list;
};

/* clang-format off */
static const struct words table[] = {
    {PLACE, IN_MOUNTAINS, "mountain hill peak alp alpine summit ridge volcano cliff valley glacier canyon himalaya landscape nature fjord berg berge gebirge hugel tal landschaft vulkan gipfel montagne colline vallee paysage montana colina valle paisaje volcan"},
    {PLACE, IN_SEA, "sea ocean wave bay harbour harbor coast coastline island sail regatta meer ozean welle wellen kuste insel hafen mer ocean vague cote ile mar oceano ola olas costa isla puerto"},
    {PLACE, IN_BEACH, "beach shore palm tropical surf strand palme palmen plage palmier playa palmera"},
    {PLACE, IN_LAKE, "lake river pond reflection waterfall stream creek water fluss teich bergsee wasser bach lac riviere eau fleuve reflet lago rio agua"},
    {PLACE, IN_FOREST, "forest wood woods woodland jungle pine fir conifer spruce taiga redwood wald walder kiefer tanne tannen foret bois sapin jungle bosque selva pino"},
    {PLACE, IN_CITY, "city town skyline street skyscraper building downtown urban metropolis cyberpunk neon tokyo paris london york manhattan berlin shanghai stadt strasse hochhaus ville rue immeuble ciudad calle edificio rascacielos"},
    {PLACE, IN_MEADOW, "meadow field grass prairie garden farm countryside pasture park lawn vineyard wheat wiese feld garten bauernhof acker prairie champ jardin ferme prado campo jardin granja pradera"},
    {PLACE, IN_DESERT, "desert dune sand sahara oasis camel cactus mesa mars wuste dune sand desert sable desierto duna arena"},
    {PLACE, IN_SKY, "sky cloud heaven air horizon himmel wolke wolken ciel nuage cielo nube nubes"},
    {PLACE, IN_SPACE, "space galaxy planet nebula cosmos universe astronaut spaceship saturn jupiter milkyway cosmic alien asteroid weltraum weltall galaxie planet espace galaxie planete espacio galaxia planeta universo"},
    {PLACE, IN_UNDERWATER, "underwater reef coral fish jellyfish turtle shark octopus aquarium seahorse submarine diver fisch fische unterwasser riff qualle poisson corail recif pez peces arrecife medusa"},
    {PLACE, IN_ABSTRACT, "abstract pattern geometric logo wallpaper texture shape circle music jazz dream emotion fractal mandala minimal minimalist modern bauhaus kandinsky chaos love joy sadness idea icon banner background abstrakt muster kreis musik traum formen abstrait motif cercle musique reve abstracto patron circulo musica sueno"},
    {EXTRA, WITH_MOON, "moon moonlight moonlit moonrise crescent mond vollmond lune luna"},
    {EXTRA, WITH_AURORA, "aurora borealis northern polarlicht nordlicht nordlichter boreale boreal"},
    {EXTRA, WITH_RAINBOW, "rainbow regenbogen arc-en-ciel arcoiris"},
    {EXTRA, WITH_STARS, "star starry stars stern sterne sternenhimmel etoile etoiles estrella estrellas"},
    {EXTRA, WITH_SUN, "sun sunny sonne sonnig soleil sol soleado"},
    {EXTRA, WITH_FLOWERS, "flower rose tulip poppy daisy lavender sunflower blossom bouquet floral lily orchid blume blumen rosen tulpe mohn sonnenblume fleur tulipe coquelicot tournesol lavande flor flores rosa girasol amapola"},
    {EXTRA, WITH_TREES, "tree oak birch maple cherry sakura willow baum baume eiche birke kirsche arbre chene cerisier arbol roble cerezo"},
    {EXTRA, WITH_PORTRAIT, "portrait face selfie headshot gesicht visage cara retrato"},
    {FIGURE, FIG_CAT, "cat kitten kitty katze kater katzchen chat chaton gato gata gatito"},
    {FIGURE, FIG_DOG, "dog puppy hound corgi labrador hund welpe hunde chien chiot perro cachorro"},
    {FIGURE, FIG_HORSE, "horse pony stallion unicorn cowboy rider pferd pferde einhorn cheval chevaux licorne caballo unicornio"},
    {FIGURE, FIG_FOX, "fox fuchs renard zorro"},
    {FIGURE, FIG_WOLF, "wolf wolves coyote werewolf wolfe loup lobo"},
    {FIGURE, FIG_DEER, "deer stag elk moose reindeer hirsch reh rentier cerf renne ciervo reno animal wildlife tier tiere animaux"},
    {FIGURE, FIG_RABBIT, "rabbit bunny hare hase kaninchen lapin lievre conejo liebre"},
    {FIGURE, FIG_BEAR, "bear panda grizzly bar baren ours oso"},
    {FIGURE, FIG_ELEPHANT, "elephant mammoth elefant elefante"},
    {FIGURE, FIG_OWL, "owl eule uhu hibou chouette buho lechuza"},
    {FIGURE, FIG_WHALE, "whale dolphin orca wal delfin baleine dauphin ballena"},
    {FIGURE, FIG_FISH, "fish goldfish koi salmon shark fisch fische hai poisson requin pez peces tiburon"},
    {FIGURE, FIG_COUPLE, "couple lover friend people family wedding bride crowd men women paar liebespaar leute menschen familie freunde gens amis famille amoureux pareja gente familia amigos"},
    {FIGURE, FIG_PERSON, "person man woman wanderer hiker traveler traveller figure portrait monk samurai wizard knight king queen princess warrior hero human soldier dancer lady gentleman astronaut robot ninja detective artist mann frau mensch wanderer konig konigin ritter homme femme personne voyageur roi reine hombre mujer persona viajero rey reina"},
    {FIGURE, FIG_CHILD, "child kid boy girl baby toddler kind kinder junge madchen enfant garcon fille nino nina chico chica"},
    {FIGURE, FIG_BICYCLE, "bicycle bike cyclist fahrrad radfahrer velo bicyclette bicicleta"},
    {FIGURE, FIG_BOAT, "boat sailboat sailing yacht canoe kayak regatta sail boot segelboot bateau voilier barque barco velero barca"},
    {FIGURE, FIG_SHIP, "ship pirate galleon frigate schiff pirat navire pirate nave pirata"},
    {FIGURE, FIG_LIGHTHOUSE, "lighthouse beacon leuchtturm phare faro"},
    {FIGURE, FIG_CASTLE, "castle fortress palace kingdom fairytale medieval dragon burg schloss marchen drache chateau forteresse dragon castillo fortaleza palacio"},
    {FIGURE, FIG_HOUSE, "house cabin cottage hut home village barn farm church chalet haus hutte dorf hof scheune kirche maison cabane village eglise chaumiere casa cabana pueblo aldea iglesia"},
    {FIGURE, FIG_WINDMILL, "windmill mill muhle windmuhle moulin molino"},
    {FIGURE, FIG_BALLOON, "balloon airship zeppelin ballon heissluftballon montgolfiere globo"},
    {FIGURE, FIG_ROCKET, "rocket spaceship spacecraft shuttle launch rakete raumschiff fusee cohete"},
    {FIGURE, FIG_BUTTERFLY, "butterfly schmetterling schmetterlinge papillon mariposa"},
    {FIGURE, FIG_BIRD, "bird seagull gull eagle crow raven swallow crane goose geese heron hawk dove swan duck vogel mowe adler rabe kranich oiseau oiseaux aigle mouette pajaro aguila gaviota ave aves"},
    {HOUR, AT_DAWN, "dawn sunrise morning daybreak sonnenaufgang morgen morgenrot dammerung aube matin amanecer alba manana"},
    {HOUR, AT_DAY, "day daylight noon midday afternoon tag mittag nachmittag jour midi journee dia mediodia tarde"},
    {HOUR, AT_SUNSET, "sunset sundown evening hour sonnenuntergang abend abendrot coucher soir atardecer ocaso puesta"},
    {HOUR, AT_DUSK, "dusk twilight gloaming abenddammerung crepuscule anochecer crepusculo"},
    {HOUR, AT_NIGHT, "night neon cyberpunk midnight nocturne nighttime nightfall nacht mitternacht nachts nuit minuit noche medianoche"},
    {WEATHER, SKY_CLEAR, "clear cloudless klar wolkenlos clair despejado"},
    {WEATHER, SKY_CLOUDS, "cloud cloudy overcast wolke wolken bewolkt wolkig nuage nuageux nube nubes nublado"},
    {WEATHER, SKY_RAIN, "rain rainy drizzle umbrella puddle regen regnerisch pluie pluvieux lluvia lluvioso"},
    {WEATHER, SKY_STORM, "storm stormy thunder lightning thunderstorm tempest hurricane tornado sturm gewitter blitz orage tempete eclair tormenta relampago trueno"},
    {WEATHER, SKY_SNOW, "snowfall snowing blizzard snowstorm snow schnee schneefall neige nieve nevada"},
    {WEATHER, SKY_FOG, "fog mist foggy misty haze hazy nebel neblig dunst brouillard brume niebla bruma"},
    {SEASON, SEASON_SPRING, "spring springtime blossom sakura april fruhling printemps primavera"},
    {SEASON, SEASON_SUMMER, "summer summertime july sommer ete verano"},
    {SEASON, SEASON_AUTUMN, "autumn fall autumnal october november harvest herbst automne otono"},
    {SEASON, SEASON_WINTER, "winter snow snowy snowfall ice icy frozen frost arctic christmas schnee eis weihnachten hiver neige glace noel invierno nieve hielo navidad"},
    {COLOR, 0xd8342c, "red scarlet crimson ruby rot rote roter rotes rouge rojo roja"},
    {COLOR, 0xf0802a, "orange amber naranja orangener"},
    {COLOR, 0xf2b632, "gold golden goldene goldener goldenes dore doree dorado dorada oro"},
    {COLOR, 0xf4d23c, "yellow gelb gelbe gelber gelbes jaune amarillo amarilla"},
    {COLOR, 0x3fa04a, "green emerald grun grune gruner grunes vert verte verde"},
    {COLOR, 0x1fa3a0, "teal turquoise cyan aqua turkis turquesa"},
    {COLOR, 0x2f6fd0, "blue azure navy cobalt blau blaue blauer blaues bleu bleue azul"},
    {COLOR, 0x5b3fb8, "indigo ultramarine"},
    {COLOR, 0x8b45c4, "purple violet lila violett mauve pourpre violeta morado"},
    {COLOR, 0xf07fa8, "pink rosy magenta fuchsia rosa rose rosado"},
    {COLOR, 0x9a6238, "brown sepia bronze copper braun braune brauner marron cafe"},
    {COLOR, 0xb8bcc4, "silver gray grey silbern grau graue grauer argent gris plateado"},
    {COLOR, 0xf4f2ec, "white ivory weiss weisse weisser weisses blanc blanche blanco blanca"},
    {DEEP, 0, "black dark gothic horror gloomy schwarz schwarze schwarzer dunkel dunkle noir noire sombre negro negra oscuro oscura"},
};

/* A few signs that are a word each, for scripts without spaces. */
static const struct { gunichar sign; enum about about; uint32_t value; } signs[] = {
    {0x5c71, PLACE, IN_MOUNTAINS}, {0x6d77, PLACE, IN_SEA}, {0x6e56, PLACE, IN_LAKE}, {0x68ee, PLACE, IN_FOREST},
    {0x6797, PLACE, IN_FOREST}, {0x8857, PLACE, IN_CITY}, {0x57ce, FIGURE, FIG_CASTLE}, {0x7a7a, PLACE, IN_SKY},
    {0x6708, EXTRA, WITH_MOON}, {0x661f, EXTRA, WITH_STARS}, {0x82b1, EXTRA, WITH_FLOWERS}, {0x6a39, EXTRA, WITH_TREES},
    {0x732b, FIGURE, FIG_CAT}, {0x72ac, FIGURE, FIG_DOG}, {0x72d7, FIGURE, FIG_DOG}, {0x99ac, FIGURE, FIG_HORSE},
    {0x9ce5, FIGURE, FIG_BIRD}, {0x9b5a, FIGURE, FIG_FISH}, {0x4eba, FIGURE, FIG_PERSON}, {0x8239, FIGURE, FIG_BOAT},
    {0x5bb6, FIGURE, FIG_HOUSE}, {0x591c, HOUR, AT_NIGHT}, {0x671d, HOUR, AT_DAWN}, {0x5915, HOUR, AT_SUNSET},
    {0x96e8, WEATHER, SKY_RAIN}, {0x96ea, WEATHER, SKY_SNOW}, {0x96fe, WEATHER, SKY_FOG}, {0x6625, SEASON, SEASON_SPRING},
    {0x79cb, SEASON, SEASON_AUTUMN}, {0x51ac, SEASON, SEASON_WINTER}, {0x8d64, COLOR, 0xd8342c}, {0x9752, COLOR, 0x2f6fd0},
};
/* clang-format on */

static void scene_note(struct scene *s, enum about about, uint32_t value)
{
    switch (about) {
    case PLACE:
        s->places |= value;
        break;
    case EXTRA:
        s->extras |= value;
        break;
    case FIGURE:
        s->figures |= 1u << value;
        break;
    case HOUR:
        if (s->hour == AT_ANY)
            s->hour = (enum hour)value;
        break;
    case WEATHER:
        if (s->weather == SKY_ANY)
            s->weather = (enum weather)value;
        break;
    case SEASON:
        if (s->season == SEASON_ANY)
            s->season = (enum season)value;
        break;
    case COLOR:
        if (s->ntints < 2)
            s->tint[s->ntints++] = hex(value);
        break;
    case DEEP:
        s->deep = true;
        break;
    }
}

static bool list_has(const char *list, const char *word, size_t len)
{
    for (const char *p = list; (p = strstr(p, word)); p += len)
        if ((p == list || p[-1] == ' ') && (p[len] == ' ' || !p[len]))
            return true;
    return false;
}

static bool word_known(struct scene *s, char *word, size_t len)
{
    char keep = word[len];
    word[len] = '\0';
    bool found = false;
    for (size_t i = 0; i < YM_COUNT(table); i++)
        if (list_has(table[i].list, word, len)) {
            scene_note(s, table[i].about, table[i].value);
            found = true;
        }
    word[len] = keep;
    return found;
}

static void word_note(struct scene *s, char *word, size_t len)
{
    if (len < 2 || word_known(s, word, len) || len < 4)
        return;
    if (word[len - 1] == 's' && word_known(s, word, len - 1))
        return;
    if (len > 4 && !memcmp(word + len - 3, "ies", 3)) {
        word[len - 3] = 'y';
        word_known(s, word, len - 2);
    } else if (word[len - 1] == 's' && word[len - 2] == 'e') {
        word_known(s, word, len - 2);
    }
}

/* A letter as the table spells it: lower case, Latin letters without their accents; "" for others.
 */
static size_t letter_fold(gunichar c, char out[static 2])
{
    static const char latin1[] = "aaaaaaaceeeeiiiidnooooo\0ouuuuyts"; /* U+00E0.. */
    c = g_unichar_tolower(c);
    out[0] = out[1] = '\0';
    if ((c >= 'a' && c <= 'z') || c == '-') {
        out[0] = (char)c;
    } else if (c == 0xdf) {
        out[0] = out[1] = 's';
    } else if (c == 0x153) {
        out[0] = 'o';
        out[1] = 'e';
    } else if (c >= 0xe0 && c < 0xff) {
        out[0] = latin1[c - 0xe0];
    }
    return out[0] ? 1 + (out[1] != '\0') : 0;
}

/* "am See" is a lake; "to see" is none. */
static void see_note(struct scene *s, const char *before, const char *word)
{
    static const char article[] = "am der dem den ein einem einen zum im beim vom";
    if (!strcmp(word, "see") && *before && list_has(article, before, strlen(before)))
        s->places |= IN_LAKE;
}

static void scene_words(struct scene *s, const char *text)
{
    char word[48], before[48] = "";
    size_t n = 0, len = strlen(text);
    for (const char *p = text, *end = text + len;;) {
        char two[2];
        size_t k = 0;
        gunichar c = 0;
        if (p < end) {
            c = g_utf8_get_char_validated(p, end - p);
            bool bad = c == (gunichar)-1 || c == (gunichar)-2;
            p += bad ? 1 : g_utf8_skip[(unsigned char)*p];
            k = bad ? 0 : letter_fold(c, two);
            for (size_t i = 0; !bad && c > 0x4e00 && i < YM_COUNT(signs); i++)
                if (signs[i].sign == c)
                    scene_note(s, signs[i].about, signs[i].value);
        }
        for (size_t i = 0; i < k; i++)
            if (n < sizeof(word) - 1)
                word[n++] = two[i];
        if (!k) {
            word[n] = '\0';
            see_note(s, before, word);
            if (n)
                memcpy(before, word, n + 1);
            word_note(s, word, n);
            n = 0;
            if (!c && p >= end)
                return;
        }
    }
}

static void scene_without(struct scene *s, const struct scene *no)
{
    s->places &= ~no->places;
    s->extras &= ~no->extras;
    s->figures &= ~no->figures;
    if (no->hour != AT_ANY && s->hour == no->hour)
        s->hour = AT_ANY;
    if (no->weather != SKY_ANY && (s->weather == no->weather || s->weather == SKY_ANY))
        s->weather = SKY_CLEAR;
    if (no->season != SEASON_ANY && s->season == no->season)
        s->season = SEASON_ANY;
    if (no->ntints && s->ntints && fabs(luma(no->tint[0]) - luma(s->tint[0])) < 1e-6)
        s->ntints = 0;
}

static void scene_place_fill(struct scene *s, struct rng *r)
{
    const uint32_t swims = 1u << FIG_WHALE | 1u << FIG_BOAT | 1u << FIG_SHIP | 1u << FIG_LIGHTHOUSE;
    if (s->places & ~(unsigned)(IN_SKY | IN_LAKE))
        return;
    if (s->figures & 1u << FIG_ROCKET && !(s->places & IN_SKY))
        s->places |= IN_SPACE;
    else if (s->figures & swims)
        s->places |= IN_SEA;
    else if (s->extras & WITH_FLOWERS || s->figures & (1u << FIG_WINDMILL | 1u << FIG_BUTTERFLY))
        s->places |= IN_MEADOW;
    else if (s->figures || s->extras || s->places & IN_LAKE || s->hour || s->season)
        s->places |= rng_chance(r, 0.6) || s->places & IN_LAKE ? IN_MOUNTAINS : IN_MEADOW;
    else if (!s->places && s->weather == SKY_ANY) /* words that say nothing to us */
        s->places |= rng_chance(r, 0.55) ? IN_ABSTRACT : rng_chance(r, 0.5) ? IN_MOUNTAINS : IN_SEA;
    else if (!(s->places & IN_SKY))
        s->places |= IN_MOUNTAINS;
}

static void scene_fill(struct scene *s, struct rng *r)
{
    const uint32_t people = 1u << FIG_PERSON | 1u << FIG_CHILD | 1u << FIG_COUPLE;
    if (s->extras & WITH_PORTRAIT && s->figures & people) {
        s->figures = (s->figures & ~people) | 1u << FIG_BUST;
        if (s->hour == AT_ANY)
            s->hour = rng_chance(r, 0.5) ? AT_SUNSET : AT_DAWN;
    }
    bool quiet = s->weather == SKY_ANY || s->weather == SKY_CLEAR || s->weather == SKY_CLOUDS;
    scene_place_fill(s, r);
    if (s->hour == AT_ANY && s->extras & (WITH_MOON | WITH_AURORA | WITH_STARS))
        s->hour = AT_NIGHT;
    if (s->hour == AT_ANY && s->extras & (WITH_RAINBOW | WITH_SUN))
        s->hour = AT_DAY;
    if (s->hour == AT_ANY && s->places & IN_CITY && quiet)
        s->hour = rng_chance(r, 0.5) ? AT_DUSK : rng_chance(r, 0.5) ? AT_NIGHT : AT_SUNSET;
    if (s->hour == AT_ANY && (s->extras & (WITH_FLOWERS | WITH_TREES) || s->season || !quiet))
        s->hour = rng_chance(r, 0.75) ? AT_DAY : AT_DAWN;
    if (s->hour == AT_ANY) {
        static const enum hour any[] = {AT_SUNSET, AT_SUNSET, AT_DAWN, AT_DAWN,
                                        AT_DAY,    AT_DAY,    AT_DUSK};
        s->hour = any[rng_below(r, (int)YM_COUNT(any))];
    }
    if (s->weather == SKY_ANY)
        s->weather = rng_chance(r, 0.75) ? SKY_CLOUDS : SKY_CLEAR;
    if (s->hour == AT_NIGHT && !(s->extras & WITH_AURORA))
        s->extras |= WITH_MOON;
}

void scene_read(struct scene *ret, const char *prompt, const char *negative, struct rng *r)
{
    struct scene s = {0}, no = {0};
    scene_words(&s, prompt);
    scene_words(&no, negative);
    scene_without(&s, &no);
    scene_fill(&s, r);
    s.extras &= ~no.extras; /* not by chance either */
    *ret = s;
}
