"""The labels under which people write identifiers: data for `numbers`.

Each entry: what the label looks like (a fragment of a regular expression), what its value is, how many digits
the value must have at least, and whether a few words may stand in between.
"""

from __future__ import annotations

from typing import NamedTuple

from bot.deid.model import Kind


class Label(NamedTuple):
    """A family of labels; `exact` ones are abbreviations that count only in capitals."""

    words: str
    kind: Kind
    least: int = 4
    far: bool = False
    exact: bool = False


_R, _P, _A, _L, _N, _O, _B = (
    Kind.RECORD,
    Kind.PLAN,
    Kind.ACCOUNT,
    Kind.LICENCE,
    Kind.NATIONAL,
    Kind.OTHER,
    Kind.BIOMETRIC,
)
_NO = r"(?:no|nos|nr|num|number|numbers|nummer|id|ids|code|ref|#|№|n°|nº)"

LABELS: tuple[Label, ...] = (
    # medical records
    Label(
        r"mrns?|m\.r\.n|med(?:ical)? ?rec(?:ord)?s?(?: ?(?:no|number|#|nr))?|mr ?(?:no|nr|"
        r"number|#)|emr|ehr|epic id|cerner id|uhid|ihims|nhc|crn|nda|hosp(?:ital)?[ .-]*"
        + _NO
        + r"|unit ?(?:no|number)|u\.?r\.? ?(?:no|number|#)|patient ?(?:no|number|id|#)|pt ?(?:id|"
        r"no|#)|chart ?(?:no|number|id|#)|folder(?: ?(?:no|number))?|rio(?: ?(?:no|number|id))?|"
        r"systmone|emis(?: no)?|pid|pas (?:no|number)|case ?(?:sheet ?)?(?:no|number|#)|k "
        r"number|episode(?: (?:no|number))?|encounter(?: (?:no|number|id|#))?|csn|fin (?:no|"
        r"number|#)|visit (?:no|number|id|#)|i\.?p\.? ?(?:no|number|#)|o\.?p\.? ?(?:no|number|"
        r"chit|#)|opd ?(?:no|number|#)|reg(?:istration)? ?(?:no|number|#)|dossier(?: n[o°º]| "
        r"numéro)?|n° de dossier",
        _R,
        3,
        True,
    ),
    Label(
        r"fall[- .]?(?:nr|nummer|no|id|zahl)|fallno|aufn(?:ahme)?[. -]*(?:nr|nummer|zahl)|"
        r"pat(?:ienten)?[. -]*(?:id|nr|nummer)|akten?(?:nr|zeichen|nummer)|aktenz|"
        r"gesch(?:äfts)?zahl|vorgangs?(?:nr|nummer)|auftrags?[- ]?(?:nr|nummer)|befund[- "
        r"]?(?:nr|nummer)|proben?[- ]?(?:nr|nummer|id)|beleg(?:nr|nummer)|personal[- .]?(?:nr|"
        r"nummer)|register[- ]?(?:nr|nummer)|rechnungs?[- ]?(?:nr|nummer)|rezept[- ]?(?:nr|"
        r"nummer)|btm[- .]?(?:nr|nummer)|konserven?[- ]?(?:nr|nummer)?|path(?:o)?[-. ]*(?:nr|"
        r"nummer)|histo[-. ]*(?:nr|nummer)|labor?[- ]?(?:nr|nummer)|task[- ]?id|e-?rezept|"
        r"kunden(?:nr|nummer|konto)|mitglieds?(?:nr|nummer)|kassen(?:nr|nummer)|"
        r"etikett(?:en)?(?:nr|nummer)?",
        _R,
        3,
        True,
    ),
    Label(
        r"historia(?: cl[ií]nica)?(?: n[.ºo°]*)?|n[.º°o]* ?(?:de )?historia|h\.?c\.?|nhc|"
        r"expediente|folio|episodio|petici[oó]n|protocolo|diligencias(?: previas)?|dilig\. "
        r"previas|volante|receta|bolsa(?: etiquetada)?|acceso|cipa|autorizaci[oó]n",
        _R,
        4,
        True,
    ),
    Label(
        r"ipp|nip|nda|iep|n[°ºo]\.? (?:de )?(?:dossier|séjour|patient|lot|permis)|numéro de "
        r"(?:dossier|séjour|permis|patient)|fiche|sdt n[°ºo]|pv|référence(?: de sinistre)?|"
        r"sinistre|réf",
        _R,
        4,
        True,
    ),
    Label(
        "ur|urn|ip|mr|pas|sv|hc|pid|pin|doc|rl|me|ar|cas|rx|fin|drn|hrn|empi|acc|hid|bht|chi|mpi",
        _R,
        4,
        False,
        True,
    ),
    # orders, samples, reports
    Label(
        r"accession(?: ?"
        + _NO
        + r")?|acc(?:n|ession)?[ .]*"
        + _NO
        + r"|acc(?=\.? ?[a-z]{1,4}[ -]?\d{2})|specimens?(?: ?"
        + _NO
        + r")?|sample ?"
        + _NO
        + r"|lab ?"
        + _NO
        + r"|path(?:ology)? ?"
        + _NO
        + r"|histo(?:logy)? ?"
        + _NO
        + r"|requisition(?: ?"
        + _NO
        + r")?|req ?"
        + _NO
        + r"|study ?"
        + _NO
        + r"|report ?"
        + _NO
        + r"|order ?"
        + _NO
        + r"|(?:blood )?unit ?(?:no|number|#)|donation ?"
        + _NO
        + r"|barcode|aliquot|block ?"
        + _NO,
        _R,
        4,
        True,
    ),
    Label(r"rx ?" + _NO + r"|prescriptions? ?" + _NO + r"|scripts? ?" + _NO + r"|rx|script", _R, 5),
    Label(
        r"tickets?(?: ?"
        + _NO
        + r")?|case(?: ?"
        + _NO
        + r")?|files?(?: ?"
        + _NO
        + r")?|docket(?: ?"
        + _NO
        + r")?(?: is)?|incidents?(?: ?"
        + _NO
        + r")?|datix(?: ?"
        + _NO
        + r")?|complaint(?: ?"
        + _NO
        + r")?|refs?(?: ?(?:no|number|#))?|reference(?: ?"
        + _NO
        + r")?|ack ?"
        + _NO
        + r"|confirmation(?: ?"
        + _NO
        + r")?|tracking(?: ?"
        + _NO
        + r")?|trip(?: ?"
        + _NO
        + r")?|inquest|crime (?:no|ref|number)|fir ?(?:no|number)|mlc ?(?:no|number)?|coroner'?s "
        r"ref|work order(?: ?" + _NO + r")?|courier'?s? (?:no|number|ref)|job ?" + _NO,
        _R,
        4,
        True,
    ),
    Label(
        r"auftrag|quittung|fall|akte|anzeige|zahl|rechnung|ticket|vorgang|befund|konserve|rezept|az|gz|"
        r"vertrag|zählkarte|karte",
        _R,
        5,
    ),
    # insurance and payment
    Label(
        r"member(?:ship)?(?: ?"
        + _NO
        + r")?|subscriber(?: ?"
        + _NO
        + r")?|policy(?: ?"
        + _NO
        + r")?|claims?(?: ?"
        + _NO
        + r")?|group ?"
        + _NO
        + r"|(?:prior )?auth(?:orization|orisation)?(?: ?"
        + _NO
        + r")?|payer ?"
        + _NO
        + r"|insurance ?"
        + _NO
        + r"|medicaid(?: ?"
        + _NO
        + r")?|medicare(?: card)?(?: ?"
        + _NO
        + r")?|medi-?cal(?: ?"
        + _NO
        + r")?|tricare(?: ?"
        + _NO
        + r")?|(?:gold|white|health|medical|insurance|ohip|medicare|scheme|smart|status) card(?: ?"
        + _NO
        + r")?|card(?: ?"
        + _NO
        + r")?|ohip|msi|phn|hcn|dva(?: gold)?(?: ?"
        + _NO
        + r")?|ramq|workcover(?: ?"
        + _NO
        + r")?|acc45(?: ?"
        + _NO
        + r")?|cmchis(?: ?"
        + _NO
        + r")?|mediclaim|pm-?jay|ayushman|medishield|pension(?: ?"
        + _NO
        + r")?|crn|scheme ?"
        + _NO
        + r"|benefits?(?: ?"
        + _NO
        + r")?|nb auth",
        _P,
        5,
        True,
    ),
    Label(
        r"vers(?:icherungs?|icherten)?[. -]*(?:nr|nummer)|versicherung|kvnr|kv-?nr|vertrags?[- "
        r"]?(?:nr|nummer)|police(?:n?nummer|n?nr)?|schadens?(?:nr|nummer)|mutuelle|assurée?|"
        r"adhérent|afiliaci[oó]n|p[oó]liza|nss|sip|nuhsa|cip|tarjeta(?: sanitaria)?|carte vitale",
        _P,
        5,
        True,
    ),
    Label(
        r"acct?s?(?=[ .:#])(?: ?"
        + _NO
        + r")?|account ?"
        + _NO
        + r"|account|bank(?:ing)?|kto|konto(?:nr|nummer)?|iban|sort code|bsb|routing|cuenta|"
        r"compte|invoice(?: ?"
        + _NO
        + r")?|receipt ?"
        + _NO
        + r"|credit card|kreditkarte|visa|mastercard|amex",
        _A,
        5,
    ),
    # people's numbers, whatever their form
    Label(
        r"ssn|ss ?"
        + _NO
        + r"|ss(?=#)|social security(?: ?"
        + _NO
        + r")?|social(?= (?:on|is|#|no|number|:)|:| ?#)|soc sec|sin|nhs(?: ?"
        + _NO
        + r")?|chi(?= ?(?:no|number|#|:|\d))|nino|ni (?:no|number)|pps(?:n|(?: ?"
        + _NO
        + r"))?|ihi|nhi|tfn|aadha+r|aadhar|abha|nric|uci|national (?:id|insurance)(?: ?"
        + _NO
        + r")?|id (?:no|number|card)|identity (?:no|number|card)|passport(?: ?"
        + _NO
        + r")?|visa ?"
        + _NO
        + r"|alien ?"
        + _NO
        + r"|a-number|driver'?s? licen[cs]e(?: ?"
        + _NO
        + r")?|licen[cs]e plate|dl ?(?:no|#)|home office(?: ?"
        + _NO
        + r")?|prison(?:er)? ?"
        + _NO
        + r"|inmate(?: ?"
        + _NO
        + r")?|service ?"
        + _NO
        + r"|employee ?"
        + _NO
        + r"|staff ?"
        + _NO
        + r"|student ?"
        + _NO,
        _N,
        4,
        True,
    ),
    Label(
        r"sv[- ]?nr|svnr|sozialversicherungs?(?:nr|nummer)|rv[- ]?nr|rentenversicherungs?(?:nr|"
        r"nummer)|steuer-?id|ausweis(?:nr|nummer)?|personalausweis|reisepass|ahv(?:[- ]?nr)?|"
        r"n?avs|dni|nie|nif|curp|rfc|ine|nuss|n[°ºo] ss|n° de sécu|sécu|nir|pasaporte|passeport|"
        r"nin|bvn|bsn|pesel|cpf|ufbilhet",
        _N,
        4,
        True,
    ),
    # licences
    Label(
        r"gmc(?: ?"
        + _NO
        + r")?|nmc(?: pin)?(?: ?"
        + _NO
        + r")?|imc(?: ?"
        + _NO
        + r")?|hcpc(?: ?"
        + _NO
        + r")?|gphc(?: ?"
        + _NO
        + r")?|gdc(?: ?"
        + _NO
        + r")?|mcrn|ahpra(?: ?"
        + _NO
        + r")?|prov(?:ider)?(?: ?"
        + _NO
        + r")?|prescriber(?: ?"
        + _NO
        + r")?|npi(?: ?"
        + _NO
        + r")?|dea(?: ?"
        + _NO
        + r")?|lic(?:en[cs]e)?[. ]*(?:"
        + _NO
        + r")?|cpso(?: ?"
        + _NO
        + r")?|cpsbc|mcnz|mcr(?: ?"
        + _NO
        + r")?|mci(?: reg)?(?: ?"
        + _NO
        + r")?|hpcsa|mp ?no|mdcn|smc(?: ?"
        + _NO
        + r")?|badge(?: ?"
        + _NO
        + r")?|pin(?: ?"
        + _NO
        + r")?|lanr(?:-stempel)?|bsnr|efn|gln|zsr(?:[- ]?nr)?|arzt(?:nr|nummer)|approbation(?:snr|"
        r"snummer)?|betriebsstätten(?:nr|nummer)|colegiad[oa](?: n[º°.o]*)?|col|rpps|adeli|"
        r"finess|am ?(?:n°|no)",
        _L,
        4,
        True,
    ),
    Label(r"(?:buchungs|zugangs|termin-?|booking |promo |reservation )(?:codes?|refs?)", _O, 3),
    Label(r"gms|dps", _P, 5, False, True),
    Label(r"c\.c\.?(?= ?\d{1,2}[.\d])|c[eé]dula|rut(?= ?\d)", _N, 6),
    Label(
        r"(?:organ |sperm |egg |oocyte )?(?:donor(?= [a-z]{2,5}\d{3})|(?:donor|recipient) ?"
        + _NO
        + r")|subject(?: ?"
        + _NO
        + r")?|participant(?: ?"
        + _NO
        + r")?|proband(?:in)?(?:en)?[- ]?(?:id|nr|nummer)?|screening ?"
        + _NO
        + r"|randomi[sz]ation ?"
        + _NO
        + r"|(?:funk)?rufname|funkkenn(?:ung|er)",
        _R,
        3,
    ),
    Label(
        r"charts?(?= ?[a-z]{0,2}-?\d{5})|(?:police|incident|custody) (?:log|ref)(?: ?" + _NO + r")?", _R, 4
    ),
    Label(
        r"(?:key ?safe|lock ?box|key ?box|keypad|schlüssel(?:safe|tresor|box|kasten))"
        r"(?:[ (]{1,2}(?:code|pin|no|number))?",
        _O,
        4,
    ),
    # anything that is called a number
    Label(
        r"nr|n°|nº|№|num(?:ber)?|nummer|numéro|número|no\.|no(?=:)|no(?= ?[a-z]{0,4}[ -]?\d{4})|"
        r"#|idnr|id ?(?:no|nr|number)?|kennung|(?:door|locker|access|pin|pass|login|safe|alarm|"
        r"entry|gate|key|tür|zugangs) ?codes?",
        _O,
        4,
    ),
    Label(
        r"(?:last|final) (?:four|4|three|3|five|5|six|6)(?: digits?)?(?: (?:is|are|of [a-z' "
        r"]{2,16}))?|letzte[n]? (?:vier|4|drei|3)(?: ziffern)?|endziffern?",
        _O,
        3,
    ),
    Label(
        r"tube|sticker|étiquette|etikett|etiqueta",
        _R,
        4,
    ),
    Label(
        r"wrist ?bands?|bracelet|armband|label|sticker|etikett|étiquette|etiqueta|face ?sheet|"
        r"tube|bag tag|toe tag|pulsera|brazalete",
        _R,
        5,
        True,
    ),
    Label(
        r"fingerprints?(?: ?"
        + _NO
        + r")?|finger ?print scan|iris(?: scan)?(?: ?"
        + _NO
        + r")?|biometric(?: ?"
        + _NO
        + r")?|face ?id|voice ?print|fingerabdruck|retina(?:l)? scan(?: ?"
        + _NO
        + r")?|dna (?:profile|sample)(?: ?"
        + _NO
        + r")?|huella|empreinte",
        _B,
        4,
        True,
    ),
)
