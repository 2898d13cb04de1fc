"""Names of days: feasts, public holidays and the like, by the language in which they are written.

English holds those of the United States, the United Kingdom, Ireland, Canada, Australia, New Zealand, South
Africa, Nigeria, India and Singapore. Written in lower case; a blank stands for a blank, a hyphen or nothing,
an apostrophe may be missing. Words that mostly mean something else are left out ("fool", "epiphany").
"""

from __future__ import annotations

import re

_RELIGIOUS = """
diwali|deepavali|divali|dussehra|dussera|vijayadashami|navratri|navaratri|durga puja|durga pooja|holi|
raksha bandhan|rakhi purnima|janmashtami|ganesh chaturthi|ganpati visarjan|karva chauth|makar sankranti|
sankranti|pongal|onam|ugadi|gudi padwa|vishu|baisakhi|vaisakhi|lohri|maha shivratri|mahashivratri|
shivaratri|ram navami|rath yatra|chhath puja|bhai dooj|guru nanak jayanti|guru purnima|buddha purnima|
akshaya tritiya|dhanteras|mahavir jayanti|hanuman jayanti|gandhi jayanti|ambedkar jayanti|kali puja|
saraswati puja|aadi month|aadi perukku|aadi amavasai|thaipusam|vesak|wesak|bonalu|
eid al fitr|eid ul fitr|eid al adha|eid ul adha|eid|bakrid|bakra eid|muharram|ashura|milad un nabi|mawlid|
ramadan|ramzan|shab e barat|laylat al qadr|hari raya puasa|hari raya haji|hari raya aidilfitri|hari raya|
lebaran|nowruz|nauroz|navroz|
cny eve|cny|chinese new year|lunar new year|chap goh mei|qing ming|qingming|hungry ghost festival|
mid autumn festival|mooncake festival|dragon boat festival|duanwu|tet nguyen dan|chuseok|seollal|obon|
songkran|nyepi|losar|loy krathong|
yom kippur|rosh hashanah|rosh hashana|hanukkah|chanukah|hannukah|passover|pesach|purim|sukkot|sukkos|
shavuot|shavuos|simchat torah|tisha b'av|lag b'omer|tu bishvat|yom hashoah|
ash wednesday|palm sunday|maundy thursday|good friday|holy saturday|easter sunday|easter monday|
easter weekend|easter|orthodox easter|pentecost|whit sunday|whit monday|ascension day|trinity sunday|
corpus christi day|all saints' day|all souls' day|advent sunday|michaelmas|candlemas|shrove tuesday|
pancake day|pancake tuesday|fat tuesday|mardi gras|christmas eve|christmas day|christmas|xmas eve|xmas day|
xmas|x mas|boxing day|new year's eve|new year's day|new years eve|new years day|new year's|
new years|twelfth night|orthodox christmas|three kings' day|dia de los muertos|day of the dead|
cinco de mayo|las posadas|nochebuena|kwanzaa|halloween|hallowe'en|all hallows eve|samhain|beltane|
st\\.? patrick's day|saint patrick's day|st\\.? paddy's day|paddy's day|paddys day|st\\.? pat's day|
st\\.? andrew's day|st\\.? george's day|st\\.? david's day|st\\.? brigid's day|st\\.? stephen's day|
stephen's day|st\\.? swithin's day|st\\.? jean baptiste day|saint jean baptiste day|burns night|hogmanay|
little christmas|nollaig na mban|valentine's day|valentines day|valentine's|valentines|mother's day|
mothering sunday|father's day|april fool's day|april fools|groundhog day|bonfire night|guy fawkes night|
guy fawkes
"""
_CIVIC = """
thanksgiving day|t-giving|tgiving|
thanksgiving|turkey day|black friday|cyber monday|memorial day weekend|memorial day|
labor day weekend|labor day|labour day|labour weekend|independence day|fourth of july|4th of july|
juneteenth|veterans' day|presidents' day|columbus day|indigenous peoples' day|mlk day|
martin luther king day|super bowl sunday|superbowl sunday|super bowl weekend|election day|inauguration day|
tax day|flag day|patriots' day|mardi gras day|pioneer day|kentucky derby day|
bank holiday monday|bank holiday weekend|may day bank holiday|august bank holiday|october bank holiday|
june bank holiday|easter bank holiday|may day|spring bank holiday|summer bank holiday|jubilee weekend|
coronation day|coronation weekend|remembrance sunday|remembrance day|armistice day|battle of the boyne|
the twelfth of july|grand national day|canada day|victoria day|may two four|may long weekend|family day|
civic holiday|simcoe day|heritage day|natal day|louis riel day|truth and reconciliation day|orange shirt day|
treaty day|national acadian day|australia day|anzac day|king's birthday|queen's birthday|
king's birthday weekend|melbourne cup day|cup day|grand final day|ekka wednesday|ekka day|show day|
labour day weekend|waitangi weekend|waitangi day|waitangi|matariki|auckland anniversary|
wellington anniversary|canterbury anniversary|anniversary day|wattle day|naidoc week|
republic day|gandhi jayanthi|teachers' day|children's day|doctors' day|national day|singapore national day|
youth day|freedom day|heritage day|women's day|human rights day|workers' day|reconciliation day|mandela day|
day of goodwill|democracy day|armed forces day|un day|world aids day|red nose day|super saturday|
leap day|pride weekend|census night|daylight savings day|daylight savings weekend
"""
_GERMAN = """
neujahr|neujahrstag|neujahrsmorgen|heilige drei könige|heilige 3 könige|hl\\. drei könig|hl\\. drei könige|
dreikönigstag|
dreikönig|epiphanias|mariä lichtmess|lichtmess|valentinstag|weiberfastnacht|schmutziger donnerstag|
altweiber|unsinniger donnerstag|tulpensonntag|nelkensamstag|rosenmontag|veilchendienstag|fastnachtsdienstag|
faschingsdienstag|faschingssamstag|faschingssonntag|fasching|fastnacht|fasnacht|fasnet|morgestraich|
aschermittwoch|karneval|palmsonntag|gründonnerstag|karfreitag|karsamstag|osternacht|ostersamstag|
ostersonntag|ostermontag|osterwochenende|ostern|weißer sonntag|weisser sonntag|walpurgisnacht|
tag der arbeit|erster mai|maifeiertag|staatsfeiertag|muttertag|vatertag|herrentag|christi himmelfahrt|
auffahrtstag|an auffahrt|über auffahrt|himmelfahrt|
pfingstsamstag|pfingstsonntag|pfingstmontag|pfingstwochenende|pfingsten|fronleichnam|
johannistag|sonnwend|siebenschläfer|bundesfeier|nationalfeiertag|mariä himmelfahrt|maria himmelfahrt|
augsburger friedensfest|knabenschießen|knabenschiessen|sechseläuten|sächsilüüte|bettag|
tag der deutschen einheit|einheitsfeiertag|erntedankfest|erntedank|oktoberfest|wiesnsamstag|reformationstag|
halloween|allerheiligen|allerseelen|hubertustag|martinstag|sankt martin|st\\. martin|volkstrauertag|
buß und bettag|buss und bettag|totensonntag|ewigkeitssonntag|erster advent|zweiter advent|dritter advent|
vierter advent|[1-4]\\. advent|barbaratag|nikolaustag|nikolausabend|nikolo|krampustag|
mariä empfängnis|maria empfängnis|heiligabend|heiliger abend|heilig abend|hl\\. abend|christkindltag|
weihnachtsabend|weihnachten|weihnachtstag|weihnachtsfeiertag|[12]\\. weihnachtstag|
[12]\\. weihnachtsfeiertag|christtag|stefanitag|stephanstag|stephanitag|zwischen den jahren|silvester|
silvesternacht|silvesterabend|altjahrabend|berchtoldstag|bärzelistag|opferfest|zuckerfest|ramadan|
kurban bayrami|jom kippur|rosch haschana|chanukka|pessach|nouruz|diwali|chinesisches neujahr|
internationaler frauentag|weltfrauentag|sommersonnenwende
"""
_SPANISH = """
año nuevo|nochevieja|noche vieja|nochebuena|noche buena|navidad|navidades|día de navidad|reyes magos|
noche de reyes|día de reyes|víspera de reyes|día de la candelaria|san valentín|
carnaval|carnavales|martes de carnaval|miércoles de ceniza|domingo de ramos|jueves santo|viernes santo|
sábado santo|domingo de resurrección|lunes de pascua|semana santa|pascua|pascuas|día de san josé|las fallas|
feria de abril|día de sant jordi|diada de sant jordi|día de san isidro|noche de san juan|víspera de san juan|
verbena de san juan|noche de san josé|sanfermines|día de santiago|día de la asunción|virgen de agosto|
virgen del pilar|día del pilar|puente de san josé|puente de mayo|
día de la hispanidad|la diada|día de la mercè|todos los santos|día de muertos|día de los muertos|
día de todos los santos|día de la almudena|día de la constitución|
puente de diciembre|puente de la constitución|puente del pilar|puente de la inmaculada|puente de noviembre|
día de la inmaculada|la purísima|santos inocentes|corpus christi|pentecostés|día de la madre|día del padre|
fiestas patrias|día de la raza|grito de dolores|día de la independencia|noche de halloween|halloween|
virgen de guadalupe|semana grande|aste nagusia|tomatina|romería del rocío|
semana del pilar|fiesta mayor|ramadán|eid|yom kipur|janucá
"""
_FRENCH = """
nouvel an|jour de l'an|premier de l'an|saint sylvestre|st sylvestre|réveillon de noël|réveillon|
veille de noël|noël|noel|lendemain de noël|épiphanie|fête des rois|galette des rois|chandeleur|
saint valentin|st valentin|mardi gras|mercredi des cendres|dimanche des rameaux|les rameaux|jeudi saint|
vendredi saint|samedi saint|dimanche de pâques|lundi de pâques|week end de pâques|pâques|paques|
fête du travail|ascension|pont de l'ascension|jeudi de l'ascension|lundi de pentecôte|pentecôte|pentecote|
fête des mères|fête des pères|fête de la musique|saint jean baptiste|la saint jean|st jean baptiste|
fête nationale|quatorze juillet|14 juillet|assomption|15 août|rentrée des classes|toussaint|jour des morts|
armistice|saint nicolas|st nicolas|sainte catherine|saint martin|aïd el kébir|aïd el fitr|aïd|ramadan|
yom kippour|hanoucca|roch hachana|pessah|jeûne genevois|jeûne fédéral|escalade de genève|braderie de lille|
pont du 1er mai|pont du 8 mai|pont de novembre|poisson d'avril|action de grâces|fête du canada|
fête de la reine|journée des patriotes|bonhomme carnaval|carnaval|halloween|nouvel an chinois
"""
_RAW = {
    "en": _RELIGIOUS + "|" + _CIVIC,
    "de": _GERMAN,
    "es": _SPANISH,
    "fr": _FRENCH,
}


def names(language: str) -> str:
    """A regular expression, an alternation of all names of a language, the longest first."""
    longest = sorted(_written(language), key=lambda name: (-len(name), name))
    return "|".join(_pattern(name) for name in longest)


def beginnings(language: str) -> frozenset[str]:
    """The first words or numbers of all names: where one may begin."""
    first = (re.match(r"\[?[^\W_]+", name) for name in _written(language))
    found = {match[0].lower() for match in first if match is not None}
    return frozenset(
        {name for name in found if name[0] != "["} | ({"1", "2", "3", "4"} if language == "de" else set())
    )


def _written(language: str) -> set[str]:
    return {name.strip() for name in _RAW[language].replace("\n", "").split("|") if name.strip()}


def _pattern(name: str) -> str:
    return name.replace(" ", "[ -]?" if len(name) > 12 else "[ -]").replace("'", "'?")
