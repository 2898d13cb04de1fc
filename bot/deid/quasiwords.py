"""Words that may identify, by language and reason (`bot.deid.quasi`): regular expressions in lower case.

A line break and the spaces behind it do not count. Repetitions are bounded: the time has to stay linear.
"""

from __future__ import annotations

ALL: dict[str, dict[str, str]] = {
    "en": {
        "rare job": r"""
            (?:deputy |lord |town |ex-|former )?mayor(?:ess)?|councill?or|alderman|senator|
            congress(?:man|woman)|(?:the|an|our|local|her|his) mp\b|(?:government |cabinet |
            prime )minister|ambassador|high commissioner|consul(?! )|governor(?! general hospital)|
            (?:arch)?bishop|cardinal(?= from| of| who)|rabbi|imam|(?:parish )?priest|vicar|nun\b|monk\b|
            abbot|parson|village (?:chief|head|elder)|tribal (?:chief|elder|leader)|chieftain|
            high court judge|(?:crown |district )judge|coroner himself|police (?:chief|commissioner|
            superintendent)|fire chief|sheriff|astronaut|cosmonaut|test pilot|airline pilot|
            commercial pilot|helicopter pilot|fighter pilot|ship'?s captain|harbou?r ?master|
            lighthouse keeper|submariner|(?:professional|pro|premier league|nfl|nba|nhl|afl|nrl|state|
            international|olympic|elite|world cup) (?:footballer|football player|cricketer|rugby player|
            swimmer|athlete|jockey|boxer|golfer|cyclist|skier|gymnast|basketball player|hockey player|
            player|wrestler)|jockey|bullfighter|matador|stunt(?:man|woman)|olympian|olympic medallist|
            gold medallist|tv (?:presenter|star|host|chef)|news ?reader|news anchor|radio (?:host|
            presenter)|celebrity|film star|movie star|pop star|rock star|opera singer|concert pianist|
            prima ballerina|famous \w{3,15}|well[- ]known \w{3,15}|influencer|youtuber|
            circus (?:performer|acrobat|artist)|sword swallower|snake charmer|bee inspector|hangman|
            executioner|falconer|taxidermist|mortician(?= in)|only (?:midwife|doctor|vet|gp|pharmacist|
            teacher|priest|butcher) (?:in|on|for)|headmaster|headmistress|school principal|
            vice-?chancellor|ceo of|chief executive of|owner of the (?:local|only)""",
        "public event": r"""
            (?:train|plane|helicopter|bus|coach|ferry|tram|school bus) (?:crash|accident|derailment|
            disaster|sinking)|plane went down|train derail\w{0,6}|mass shooting|school shooting|
            shooting at the|terror(?:ist)? attack|bombing|stampede|bridge collapse|building collapse|
            mine collapse|mining disaster|dam (?:break|collapse)|gas explosion|factory (?:fire|
            explosion)|hotel fire|nightclub fire|earthquake|tsunami|cyclone|hurricane|tornado|
            bushfires?|wildfires?|(?:flash )?floods|landslide|avalanche|shark attack|crocodile attack|
            bear attack|tiger attack|leopard attack|lightning strike|marathon(?! run| train)|(?:in|on|
            all over|made|hit) the (?:local |national |evening |tv )?(?:news|papers?|front page|
            headlines|telly)|news (?:crew|story|article|report)|newspaper|reporters?(?= )|journalists?|
            the press (?:is|are|was|were|has|outside)|went viral|viral video|viral clip|gofundme|
            crowdfund\w{0,5}|facebook appeal|missing person|amber alert|court case|
            murder(?:ed)?(?! of crows)|homicide|kidnap\w{0,4}|hostage|inquest|public inquiry|
            royal commission|prison break|escaped (?:prisoner|inmate)|riot|protest march|air show|
            carnival float|world record|guinness|cruise ship|royal wedding|festival goer|
            hajj (?:stampede|flight)""",
        "record": r"""
            (?:the )?first (?:ever |known |reported |documented |local )?(?:case|patient|transplant|
            baby|person|recipient|birth|woman|man|child) (?:ever|in (?:the |this |our )?(?:country|state|
            county|province|world|hospital|city|region|australia|canada|india|ireland|the uk|the us|
            europe|africa|asia|north america))|first[- ]in[- ](?:human|man)|only (?:case|patient|person|
            one|family|centre|center|survivor|known \w+) (?:in|of its kind|on|known|ever|left|reported)|
            (?:youngest|oldest|longest|heaviest|tallest|smallest|biggest|largest|last) (?:ever|living|
            surviving|known|patient|person|survivor|baby|man|woman|reported|recipient|resident)|
            world'?s (?:first|oldest|youngest|tallest|only|largest|smallest|longest)|
            one of (?:only )?(?:two|three|four|five|six|seven|eight|nine|ten|a handful|
            \d{1,2}) (?:known |reported |living )?(?:cases|people|patients|
            families|survivors) (?:in|world|known|ever|on)|
            never (?:been )?(?:described|reported) before|case \#?1 of|
            patient zero|index case(?= in| of the)|sole survivor|lone survivor|nobel|medal of honor|
            victoria cross""",
        "rare disease": r"""
            progeria|ondine'?s curse|fatal familial insomnia|kuru|creutzfeldt\w*|\bcjd\b|fop\b|
            fibrodysplasia ossificans\w*|harlequin ichthyosis|epidermodysplasia verruciformis|
            proteus syndrome|alkaptonuria|hutchinson[- ]gilford|methemoglobinemia|porphyria|leprosy|
            hansen'?s disease|rabies|anthrax|plague\b|ebola|marburg|lassa|tularemia|naegleria|
            brain[- ]eating amoeba|kleine[- ]levin|moebius syndrome|xeroderma pigmentosum|
            maple syrup urine\w*|tay[- ]sachs|huntington'?s|wilson'?s disease|erdheim[- ]chester|
            castleman\w*""",
        "family": r"""
            (?:identical )?(?:triplets?|quadruplets?|quads\b(?= born| are| at)|quintuplets?|
            sextuplets?)|conjoined twins?|identical twins?|mirror twins?|twins? married|(?:seven|eight|
            nine|ten|eleven|twelve|thirteen|7|8|9|10|11|12|13|14) (?:kids|children|siblings|brothers|
            sisters)\b|all (?:three|four|five|six) (?:brothers|sisters|siblings|kids|children)|
            mother and daughter both|father and son both|(?:both|three|four) generations|
            surrogate (?:for|mother)|sperm donor|adopted from|foundling|incest\w*|
            first cousins?(?= married)|polygam\w{1,6}|second wife|three wives|four wives""",
        "origin": r"""
            (?:traveller|roma|romani|gypsy|amish|hutterite|mennonite|hasidic|orthodox jewish|mormon|
            jehovah'?s witness|inuit|first nations?|aboriginal|torres strait|m[aā]ori|pasifika|navajo|
            cherokee|lakota|hmong|rohingya|yazidi|tamil|somali|eritrean|hazara|uyghur|karen|bhutanese|
            parsi|zoroastrian|sami|druze|maronite|romany)(?:\s\w{1,15}){0,3}\s(?:community|family|
            village|elder|settlement|colony|reserve|reservation|mob|clan|tribe)|only (?:black|asian|
            white|muslim|jewish|african|indian|chinese|trans|hispanic) \w{3,15} (?:in|at|on)|
            (?:asylum seeker|refugee) from \w+""",
        "famous relative": r"""
            (?:son|daughter|wife|husband|mother|father|brother|sister|nephew|niece|cousin|widow|
            grandson|granddaughter|uncle|aunt|mum|mom|dad|partner) (?:is|of|was) (?:a |an |
            the )?(?:former |famous |well[- ]known |local |our |late )?(?:mayor|minister|senator|mp|
            footballer|singer|actor|actress|player|celebrity|politician|president|bishop|author|tv \w+|
            news\w*|famous\b|judge|police chief|consultant here|surgeon here|ceo)|
            related to (?:the )?(?:royal|famous|mayor|president|minister)|(?:the )?(?:mayor|minister|
            senator|mp|footballer|singer|actor|president|bishop|judge)'?s (?:son|daughter|wife|husband|
            mother|father|brother|sister|mum|mom|dad)""",
        "mark": r"""
            (?:face|facial|neck|forehead|full[- ]back|full[- ]sleeve|distinctive|prison|gang|swastika|
            portrait) tattoos?|tattoos? (?:of|that(?:says|reads)|saying|reading|with)|tattooed (?:with|
            across|on (?:his|her|their) (?:face|neck|forehead))|branded with|birthmark shaped|
            distinctive (?:scar|birthmark)|six fingers|glass eye|heterochromia|missing (?:his|her|
            both) (?:left |right )?(?:ears?|nose)""",
    },
    "de": {
        "rare job": r"""
            (?:alt-?|ober|vize)?bürgermeister(?:in)?|gemeindepräsident(?:in)?|landrat|landrätin|
            stadtrat|stadträtin|gemeinderat|nationalrat|bundestagsabgeordnete[rn]?|
            landtagsabgeordnete[rn]?|abgeordnete[rn]?|minister(?:in|präsident)?|staatssekretär(?:in)?|
            botschafter(?:in)?|konsul(?:in)?|bischof|weihbischof|abt|äbtissin|nonne|ordensschwester|
            mönch|pfarrer(?:in)?|pastor(?:in)?|dekan|rabbiner|imam|kaplan|mesner|richter(?:in)?(?= am)|
            polizeipräsident(?:in)?|feuerwehrkommandant|schulleiter(?:in)?|schuldirektor(?:in)?|
            rektor(?:in)?|(?:linien|kampf|hubschrauber|test|verkehrs)?pilot(?:in)?\b|flugkapitän|
            astronaut(?:in)?|kapitän(?! )|lotse|leuchtturmwärter|(?:profi|bundesliga|national|spitzen|
            ski|leistungs)[- ]?(?:fußballer(?:in)?|spieler(?:in)?|sportler(?:in)?|radfahrer(?:in)?|
            boxer(?:in)?|rennfahrer(?:in)?|springer(?:in)?|läufer(?:in)?)|fußballprofi|
            olympiasieger(?:in)?|olympionik\w+|weltmeister(?:in)?|jockey|stuntman|schauspieler(?:in)?|
            moderator(?:in)?|nachrichtensprecher(?:in)?|schlagersänger(?:in)?|opernsänger(?:in)?|
            dirigent(?:in)?|influencer(?:in)?|youtuber(?:in)?|prominente[rn]?|promi\b|
            bekannte[rn]? (?:musiker|künstler|autor|politiker|unternehmer|arzt|sportler)\w*|zirkus\w+|
            tierbändiger|falkner(?:in)?|scharfrichter|glockengießer|orgelbauer|schäfer(?= in| auf)|
            senner(?:in)?|hüttenwirt(?:in)?|bergführer(?:in)?|schützenkönig(?:in)?|weinkönigin|
            karnevalsprinz\w*|dorfarzt|dorfpfarrer|einzige[rn]? (?:hebamme|arzt|ärztin|lehrer|metzger|
            bäcker)\w*""",
        "public event": r"""
            (?:zug|bus|flugzeug|hubschrauber|seilbahn|fähr|straßenbahn|reisebus|gruben|brücken|lawinen|
            explosions)(?:unglück|absturz|unfall|entgleisung|einsturz)|amok\w*|attentat|terroranschlag|
            anschlag auf|geiselnahme|massenkarambolage|massenpanik|großbrand|hochhausbrand|hochwasser|
            flutkatastrophe|flut(?: im| an der)|erdbeben|murenabgang|erdrutsch|lawine(?! von)|
            gasexplosion|unwetter|(?:in|durch) (?:der|die|den) (?:zeitung|presse|medien|nachrichten|
            tagesschau|schlagzeilen|lokalpresse)|zeitungsbericht|kamerateam|reporter|journalist\w*|
            fernsehteam|(?:bild|kronen)[- ]?zeitung|ging viral|virales? video|spendenaktion|
            spendenaufruf|vermisstenanzeige|öffentlichkeitsfahndung|mordfall|ermordet\w*|totschlag|
            entführung|prozess vor dem|gerichtsverhandlung|weltrekord|oktoberfest|wiesn\b|staatsbesuch|
            castingshow""",
        "record": r"""
            (?:der|die|das|den|erste[rnms]?|weltweit|bundesweit|europaweit|österreichweit|
            landesweit) (?:erste[rnms]?|einzige[rnms]?) (?:fall|patient\w*|bekannte\w*|transplant\w*|
            beschriebene\w*|weltweit|in (?:deutschland|österreich|der schweiz|europa|der welt))|
            weltweit (?:erste|einzige|nur|jüngste|älteste|bekannt)\w*|(?:älteste|jüngste|schwerste|
            größte|kleinste|letzte)[rnms]? (?:patient\w*|mensch\w*|überlebende\w*|lebende\w*|
            bewohner\w*|deutsche\w*|einwohner\w*|frau (?:der|in|im)|mann (?:der|in|im))|nur (?:zwei|
            drei|vier|fünf|\d{1,2}) (?:bekannte |beschriebene )?fälle (?:weltweit|in|bekannt|
            beschrieben)|erstbeschreibung|älteste[nr]? patient(?:in|en)?|einzige[rn]? überlebende[rn]?|
            nobelpreis\w*|bundesverdienstkreuz""",
        "rare disease": r"""
            progerie|ondine|letale familiäre insomnie|creutzfeldt\w*|\bcjk\b|
            fibrodysplasia ossificans\w*|harlekin\w*|alkaptonurie|porphyrie|lepra|tollwut|milzbrand|
            \bpest\b|ebola|marburg-?(?:virus|fieber)|tularämie|hasenpest|xeroderma pigmentosum|
            mondscheinkrankheit|ahornsirup\w*|tay[- ]sachs|chorea huntington|morbus wilson|
            erdheim[- ]chester|morbus castleman""",
        "family": r"""
            drillinge?n?|vierlinge?n?|fünflinge?n?|sechslinge?n?|siamesische zwillinge?n?|
            eineiige[rn]? zwillinge?n?|(?:sieben|acht|neun|zehn|elf|zwölf|7|8|9|10|11|12)(?:faches?|
            fache mutter| kinder| kindern| geschwister| geschwistern| brüder| schwestern)|(?:alle|
            beide) (?:drei|vier|fünf|sechs) (?:brüder|schwestern|geschwister|kinder)|leihmutter|
            samenspend\w+|findelkind|inzest\w*|drei generationen|vier generationen""",
        "origin": r"""
            (?:roma|sinti|jenische[nr]?|sorbische[nr]?|jesidische[nr]?|aramäische[nr]?|zeugen jehovas|
            amische[nr]?|mennoniten|chassidische[nr]?|
            orthodoxe[nr]? juden)(?:\s\w{1,15}){0,2}\s?(?:familie|gemeinde|dorf|siedlung|gemeinschaft|
            clan|sippe)|einzige[rn]? (?:schwarze|muslimische|jüdische|ausländische|syrische|
            afghanische)[rn]? \w+ (?:im|in|am)|(?:geflüchtete[rn]?|asylbewerber(?:in)?) aus \w+""",
        "famous relative": r"""
            (?:sohn|tochter|frau|mann|ehefrau|ehemann|mutter|vater|bruder|schwester|neffe|nichte|witwe|
            enkel|enkelin|gattin) (?:des|der|vom|eines|einer|ist) (?:(?:ehemaligen|bekannten|berühmten|
            hiesigen|örtlichen|früheren) )?(?:bürgermeister|minister|landrat|bischof|fußballer|
            schauspieler|sänger|abgeordneten|chefarzt|politiker|unternehmer|moderator|präsident|pfarrer|
            richter)\w*|verwandt mit (?:dem|der) (?:bürgermeister|minister)\w*""",
        "mark": r"""
            (?:gesichts|hals|rücken|knast|hakenkreuz)-?(?:tattoo|tätowierung)(?:en)?|(?:tattoo|
            tätowierung|tätowiert)(?: \w+){0,2} (?:mit|von|auf (?:der stirn|dem hals|dem gesicht))|
            auffällige[sn]? (?:narbe|muttermal|tattoo)|feuermal(?= im gesicht)|sechs finger|glasauge|
            gravur""",
    },
    "es": {
        "rare job": r"""
            alcaldesa|alcalde\b|concejal\w*|diputad[oa]|senador(?:a)?|ministr[oa]|embajador(?:a)?|
            obispo|arzobispo|monja|cura (?:del|de la)|párroco|juez(?:a)? de|torer[oa]|futbolista|
            jugador(?:a)? (?:de|del) (?:primera|real|atlético|la selección)|medallista|olímpic[oa]|
            piloto (?:de|comercial)|astronauta|presentador(?:a)?|actriz|actor (?:de|famoso|conocido)|
            cantante (?:de|famos[oa]|conocid[oa])|influencer|youtuber|farero|campanero""",
        "public event": r"""
            accidente de (?:tren|avión|autobús|helicóptero)|descarrilamiento|atentado|dana\b|riada|
            inundaci\w+|terremoto|incendio de la fábrica|encierro|(?:en|salió en) (?:la tele|
            las noticias|los periódicos|la prensa|el telediario)|noticiero|periodistas?|se hizo viral|
            vídeo viral|asesinat\w+|secuestr\w+|desaparecid[oa]|juicio""",
        "record": r"""
            primer(?:a)? (?:caso|paciente|trasplante) (?:de|en|del) (?:españa|el país|la provincia|
            la comunidad|mundo|méxico|argentina|chile|colombia|europa)|únic[oa] (?:caso|paciente|
            superviviente) (?:en|de|conocido)|(?:más) (?:vieja|viejo|joven|longev[oa]) (?:de|
            del) (?:españa|pueblo|mundo|país)""",
        "family": r"""
            trillizos|trillizas|cuatrillizos|siameses|siamesas|gemelos idénticos|(?:siete|ocho|nueve|
            diez) (?:hijos|hermanos)""",
        "mark": r"""
            tatuajes? (?:de|en la cara|que dice|con)|tatuad[oa] (?:en la cara|con)""",
    },
    "fr": {
        "rare job": r"""
            maire (?:de|du|d')|madame le maire|monsieur le maire|député(?:e)?|sénateur|sénatrice|
            ministre|ambassadeur|ambassadrice|évêque|archevêque|curé|abbé|religieuse|moine|juge (?:de|
            d')|préfet(?:e)?|pilote (?:de ligne|de chasse|d'hélicoptère)|astronaute|spationaute|
            footballeur|footballeuse|rugbyman|joueur (?:pro|professionnel|du)|
            champion(?:ne)? (?:olympique|de france|du monde|d'europe)|animateur télé|présentat\w+|
            actrice|chanteu\w+ (?:connu|célèbre)|influenceu\w+|youtubeu\w+|gardien de phare|goémonier|
            torero""",
        "public event": r"""
            accident de (?:train|car|avion|hélicoptère)|déraillement|attentat|inondations?|avalanche|
            séisme|incendie de l'usine|explosion de|(?:dans|aux|fait la une) (?:les journaux|la presse|
            infos|du journal)|journalistes?|vidéo virale|a fait le buzz|assassin\w+|enlèvement|
            prise d'otage|procès|cagnotte|avis de recherche""",
        "record": r"""
            premi(?:er|ère) (?:cas|patient|patiente|greffe) (?:de|en|du|au) (?:france|suisse|belgique|
            québec|monde|canada|europe|pays|la région)|(?:seul|unique) (?:cas|patient|survivant) (?:en|
            de|du|connu|au)|(?:doyenne?|benjamin) (?:de|du|des)|(?:plus (?:vieux|vieille|jeune|
            âgée?)) (?:de|du|d')""",
        "family": r"""
            triplés|triplées|quadruplés|siamois(?:es)?|vrais jumeaux|(?:sept|huit|neuf|dix) (?:enfants|
            frères)""",
        "mark": r"""
            tatouages? (?:de|sur le visage|avec|«|du)|tatoué(?:e)? (?:sur le|au)""",
    },
}
