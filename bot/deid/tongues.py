"""Frequent words and letter groups, of the four languages that the engine knows and of others.

For the four also the words and abbreviations of clinical chat, because a terse post has few others. Lower
case; words that several languages share weigh less (`bot.deid.language`).
"""

from __future__ import annotations

ENGLISH = """
the of and to in is was for with on that this it he she they we you i are be have has had not but at by
from as an or if so no yes his her their my our your me him them us who what when where why how which
there here then than can could would should will just get got getting did do does doing done been being
were am its it's i'm don't didn't can't won't isn't about after before over under again any some all
more most other into out up down off only now still also too very back need needs needed please pls
thanks thx ty anyone someone everyone somebody anybody nobody something anything nothing one two three
new old same last next first second day days night nights week weeks month months year years yr yrs hour
hours today tomorrow tonight yesterday morning afternoon evening since until til till per via ago both
each every few many much like know think want see saw seen say says said tell told ask asked asking call
called calling give gave given take took taken start started stop stopped going gone went come came make
made look looks looking feel feels feeling keep kept let sure really even maybe never always well good
bad great little big long right left high low normal stable clear home room bed ward floor unit list
note notes chart shift cover coverage swap team clinic office hospital nurse doctor patient patients pt
pts yo y/o male female lady gentleman man woman guy boy girl mum mom dad wife husband daughter son hx
pmh pmhx sx tx dx ddx rx fx s/p w/ w/o c/o r/o f/u d/c dc'd d/c'd admit admitted discharge discharged
discharging bp hr rr temp sats spo2 o2 iv po prn bid tid qid qhs stat labs lab bloods blood culture
cultures urine scan scans xray cxr ct mri echo ecg ekg eeg trop troponin lactate glucose sodium
potassium creat creatinine wbc hgb plt plts inr neg negative pos positive pain chest abdo abdominal
belly fever febrile cough rash swelling wound bleed bleeding clot stroke seizure seizures fall fell
fracture surgery surgical postop preop pod icu ed er ob peds gyn ortho neuro cards gi renal pulm onc
heme rads micro consult consulted referral referred refer advice advise thoughts suggestions help dose
doses dosing mg held holding tolerating improving worse better worsening drain drains line lines tube
vent intubated extubated sedated pressors norepi levophed abx antibiotics vanc zosyn ceftriaxone
augmentin doxy heparin insulin steroids pred prednisone methylpred dex lasix furosemide metoprolol
statin aspirin apixaban eliquis warfarin dnr dnacpr code goals family meeting hospice palliative comfort
care np pa md rn reg registrar consultant resident intern attending fellow gp a&e obs theatre theatres
anaesthetics paeds bleep bleeped reviewed review plan follow allergy allergies nkda meds med history
exam pupils reflexes soft tender nontender murmur edema oedema score criteria guideline guidelines trial
study data evidence age aged weight height risk high-risk
"""
GERMAN = """
der die das und ist nicht ein eine einen einem einer eines zu den dem des mit von im in auf für sich
auch es an als aus bei nach wie war hat haben hatte wird werden wurde wurden sind sein seine seiner
seinem seinen ihr ihre ihrer ihren ihrem ich du er sie wir man mir mich dir uns euch aber oder wenn weil
dass daß ob doch noch schon nur mal so sehr mehr kein keine keinen keiner nichts was wer wo wann warum
welche welcher welches dann jetzt heute gestern morgen vor über unter durch gegen ohne um bis seit ab am
zum zur vom beim ins hier da dort immer wieder bitte danke jemand kann können könnte muss müssen soll
sollte sollen will wollen würde darf dürfen mag macht machen gemacht gibt geben gegeben geht gehen kommt
kommen kam sagt sagen gesagt nimmt nehmen liegt liegen steht stehen bekommt bekommen weiß habt habe
ist's halt eh grad gerade ja nein gut schlecht neu neue neuer neuen alt alte klein groß erst zwei drei
vier fünf tag tage tagen nacht woche wochen monat monate jahr jahre jahren jährige jähriger jährigen
stunde stunden uhr früh abend mittag dienst visite station zimmer bett klinik klinikum krankenhaus
praxis ambulanz notaufnahme zna kollegen kollege kollegin liebe moin servus hallo grüße gruß frau herr
herrn hr hrn fr pat patient patientin patienten arzt ärztin oberarzt chefarzt oa oä ca aa pj pjler
pfleger pflege schwester mutter vater sohn tochter ehefrau ehemann angehörige oma opa z.n. zn v.a. va dd
ed aufn entl anamnese befund befunde diagnose diagnosen verdacht zustand therapie behandlung op postop
labor röntgen rö sono ekg echo ct mrt rr hf puls temp fieber schmerzen schmerz luftnot dyspnoe übelkeit
erbrechen durchfall husten schwindel sturz fraktur wunde blutung blut urin stuhl haut atmung herz lunge
niere leber kopf bauch bein arm links rechts li re bds beidseits unauffällig auffällig stabil erhöht
niedrig normal gabe dosis tabl tbl mg pausieren pausiert absetzen abgesetzt ansetzen umstellen
umgestellt verlegt verlegung entlassung entlassen aufnahme aufgenommen überweisung überwiesen konsil
rücksprache rückruf anruf angerufen termin brief arztbrief rezept schein antibiose antibiotika heparin
marcumar ass insulin cortison novalgin pantozol ibu kalium natrium tot nehmt neg pos fehlt schicken
bilder sonde krea crp leukos hb allergie bekannt vorerkrankungen az ez allgemeinzustand reduzierten
gutem seitens bzgl bzw ggf evtl inkl wegen trotz laut lt siehe derzeit aktuell initial zuletzt weiter
weiterhin weitere
"""
SPANISH = """
de la que el en y a los las un una por con no se su para es al lo como más pero sus le ya o este sí
porque esta entre cuando muy sin sobre también me hasta hay donde quien desde todo nos durante todos uno
les ni contra otros ese eso ante ellos e esto mí antes algunos qué unos yo otro otra él tanto esa estos
mucho nada está están estaba fue era ha han he hoy ayer mañana tarde noche ahora aquí allí bien mal solo
sólo del os te tu mi si sigue tiene tengo tenía tenemos hace hacer hecho dice dijo digo puede puedo
pueden alguien algo gracias hola buenas favor compañeros compi doctora doctor paciente pacientes px pte
señor señora mujer varón hombre niño niña hijo hija madre padre hermana hermano años meses días semanas
horas día año mes semana urgencias planta uci cama habitación consulta guardia turno quirófano hospital
centro salud ingreso ingresado ingresada alta trasladado traslado derivar derivado informe historia
antecedentes ap hta dm dl epoc ic fa ictus iam itu tep tvp dolor fiebre tos disnea diarrea vómitos
náuseas cefalea mareo caída herida sangrado analítica análisis orina hemograma hb leucocitos plaquetas
pcr creatinina glucemia tac rm rx eco ecg biopsia cultivo hemocultivos antibiótico amoxi paracetamol
ibuprofeno heparina insulina corticoides dosis mg cada vo iv tratamiento pauta pautado suspender iniciar
subir bajar mantener valorar control revisión derecha izquierda derecho izquierdo estable normal afebril
positivo negativo sospecha diagnóstico posible probable cirugía operado operada médico médica enfermera
enfermería residente adjunto mir familia llamar llamad llama teléfono nhc dni ta fc sat exploración
hallazgos
"""
FRENCH = """
à ça on de la le et les des en un du une que est pour qui dans a par plus pas au sur ne se ce il sont ou
avec son aux d'un cette d'une ont ses mais comme tout nous sa elle je ils elles vous tu mon ma mes notre
votre leur leurs y n'a c'est qu'il qu'elle j'ai l'a n'est s'est d'être être avoir fait faire dit peut
peux va aller vu était avait ai as suis es sommes êtes sans sous chez entre depuis pendant avant après
puis donc car si quand où comment pourquoi quel quelle rien toujours jamais encore déjà très bien mal
peu beaucoup trop aussi même autre autres deux trois quatre aujourd'hui hier demain matin soir nuit jour
jours semaine semaines mois ans an heure heures bonjour bonsoir salut merci svp stp quelqu'un collègues
confrère consoeur docteur dr madame monsieur mme patient patiente pt homme femme enfant fille fils mère
père frère soeur famille hospit hospitalisé hospitalisée hôpital clinique service urgences réa usi bloc
chambre lit garde astreinte interne chef médecin généraliste ide infirmière sage-femme entrée sortie
sorti transfert courrier ordonnance dossier antécédents atcd hta dt2 bpco fa avc idm ep tvp douleur
douleurs fièvre toux dyspnée vomissements nausées céphalées chute plaie saignement bilan biologie nfs
crp créat iono hémoc ecbu scanner irm radio écho ecg biopsie traitement ttt antibio antibiotique amox
augmentin doliprane héparine insuline corticoïdes corticos dose mg arrêt arrêter débuter reprendre
augmenter diminuer avis besoin suivi contrôle rdv consult consultation droite gauche droit stable normal
normale négatif positif suspicion diagnostic probable opéré opérée chirurgie chir tension ta fc sat
examen retrouve présente notion connu connue suite cf ras
"""
# Others, only to be told from the four.
FOREIGN = {
    "it": """
il di che è la per un una non con del della dei delle sono ho ha hanno gli nel nella alla anche ma come
più questo questa si da al lo le mi ci ne su suo sua anni giorni oggi ieri domani notte turno paziente
pazienti ricoverato ricoverata reparto letto stanza pronto soccorso ospedale grazie qualcuno dolore
febbre terapia esami dopo prima senza dalla stata stato essere fare fatto può deve adesso ancora molto
bene buongiorno ciao figlia moglie marito e i o
""",
    "pt": """
o a os as de do da dos das em no na nos nas um uma que não com por para se foi é são está estava tem
tinha mais mas como muito também já ele ela eles isso este esta meu minha sua seu anos dias hoje ontem
amanhã noite plantão paciente leito quarto enfermaria pronto hospital obrigado obrigada alguém dor febre
exame exames depois antes sem pela pelo filha esposa marido internado internada alta doente doutor bom
dia ao à e você vocês
""",
    "nl": """
de het een en van is niet dat ik je hij zij ze we met op voor aan er maar om als ook dan nog bij naar
uit kan heeft hebben was wordt worden zijn geen wel deze dit die door over moet mijn haar hem ons jaar
dagen vandaag gisteren morgen nacht dienst patiënt patiënten opgenomen afdeling bed kamer spoed
ziekenhuis dank iemand pijn koorts sinds na tot te wat wie waar hoe weer graag even goed veel meer
zonder vrouw man dochter zoon huisarts
""",
    "pl": """
i w na z nie się że do to jest jak po co dla od za ale o tak już czy ma są był była było przez tylko
może pacjent pacjentka pacjentki lat dni dziś wczoraj jutro noc dyżur oddział łóżko sala szpital
dziękuję ktoś ból gorączka lekarz proszę przed bez pod nad jego jej ich mam mamy który która które
bardzo jeszcze teraz pan pani
""",
    "tr": """
ve bir bu da de için ile çok daha var yok ama gibi olarak olan oldu sonra önce kadar ne mi mı ben sen
biz hasta hastanın hastaya yaşında gün bugün dün yarın gece nöbet servis yatak oda acil hastane
teşekkürler ağrı ateş doktor kan test tedavi ilaç nasıl neden değil şu o her en iki şimdi lütfen kızı
eşi oğlu
""",
    "ro": """
și în de la cu pe nu este un o că să din pentru care mai au am ai are fost sau dar ca după fără acest
această pacient pacienta ani zile azi ieri mâine noapte gardă secție pat salon spital mulțumesc cineva
durere febră tratament si sunt era foarte bine unde când lui ei noi
""",
    "cs": """
a se na je že v to s z do o i jak ale po by za pro tak co ve není jsem bylo byl byla má jsou už jen
pacient pacientka let dny dnes včera zítra noc služba oddělení lůžko pokoj nemocnice děkuji někdo bolest
horečka před bez nebo který která při jeho její prosím také ještě
""",
    "et": """
ja on ei et see ta ma oli kui siis ka aga mis kes kus millal patsient patsiendi aastane päeva täna eile
homme öö valve osakond voodi palat haigla aitäh keegi valu palavik arst teha pärast enne ilma koos
""",
    "lt": """
ir yra ne su iš į nuo kaip kas tai bet jau dar po be prie pacientas pacientui pacientė metų dienos
šiandien vakar rytoj naktis ligoninė ačiū skausmas daryti buvo ar
""",
    "lv": """
un ir nav ar no uz kā kas bet jau vēl pēc bez pie pacients pacientei gadi gadu dienas šodien vakar rīt
nakts slimnīca paldies sāpes darīt bija vai ko
""",
    "sv": """
och att det i en på är som för med av den till inte har de ett om var jag han hon vi men från kan så nu
när eller ska efter utan patient patienten år dagar idag igår imorgon natt jour avdelning säng rum
akuten sjukhus tack någon smärta feber läkare mycket också mig dig sin hans hennes blev fick röntgen
visar vill höger vänster operera
""",
    "da": """
og at det i en på er som for med af den til ikke har de et om var jeg han hun vi men fra kan så nu når
eller skal efter uden patient patienten år dage dag igår nat vagt afdeling seng stue hospital sygehus
tak nogen smerter feber læge meget også mig dig sin hans hendes blev fik ble etter uten noen mye sykehus
pasient pasienten vakt der tage min aften syg blevet
""",
    "fi": """
ja on ei se että oli hän ovat mutta kun niin joka myös jos tai vain nyt jo kuin sitä olen ole potilas
potilaan vuotias päivää tänään eilen huomenna yö päivystys osasto sänky huone sairaala kiitos kukaan
kipu kuume lääkäri mitä miten onko voiko ennen jälkeen ilman kanssa hyvä paljon
""",
    "hu": """
a az és hogy nem is egy ez van volt de meg csak már ha mint még vagy ki mi el fel nagyon beteg betegnek
éves nap ma tegnap holnap éjszaka ügyelet osztály ágy szoba kórház köszönöm valaki fájdalom láz orvos
után előtt nélkül neki vele kell lehet
""",
    "hr": """
i u na je se da za od su s ne to sa koji što kao ali ili bi po iz nije samo već još ima bio bila
pacijent pacijentica godina dana danas jučer sutra noć dežurstvo odjel krevet soba bolnica hvala netko
bol temperatura liječnik prije poslije nakon bez njegov njezin molim kako
""",
    "ca": """
i el la els les de del dels en un una que és amb per a no al als es ha han com més però ja molt també
aquest aquesta està són fa avui ahir demà nit guàrdia pacient llit habitació hospital gràcies algú dolor
febre anys dies sense abans després on quan qui seva seu hem tinc
""",
    "id": """
dan yang di ini itu dengan untuk pada ada tidak dari ke akan saya kami anda dia mereka sudah bisa juga
atau dalam karena pasien hari tahun malam pagi jaga bangsal tempat tidur rumah sakit terima kasih nyeri
demam dokter belum lagi sebelum setelah tanpa apa siapa bagaimana tolong mohon boleh nak tak dah macam
""",
    "tl": """
ang ng mga sa na ay si ni at kay ko mo ka po opo hindi ito iyan siya kami tayo sila may wala kung para
pasyente taon araw ngayon kahapon bukas gabi ospital salamat sakit lagnat doktor pero kasi lang naman
din rin ba nang yung
""",
    "vi": """
và là của có không được cho với một những các này đã đang trong khi người bệnh nhân tuổi ngày hôm nay
qua đêm trực khoa giường phòng viện cảm ơn đau sốt bác sĩ rồi thì mà ở ra vào lại cũng
""",
    "sw": """
na ya wa kwa ni katika la za hii huyu mgonjwa siku leo jana kesho usiku zamu wodi kitanda hospitali
asante mtu maumivu homa daktari baada kabla bila lakini pia sana yake kama alikuwa ana miaka
""",
    "sq": """
dhe në të e një për me që është nga si por nuk ka pacienti vjeç ditë sot dje nesër natë spitali
faleminderit dhimbje temperaturë mjeku pas para pa shumë
""",
    "eu": """
eta da ez bat du dira zen izan baina ere oso gaixoa urte egun gaur atzo bihar gau ospitalea eskerrik
asko mina sukarra gabe ondoren aurretik dago
""",
}
# Letter groups, with commas between; a blank is the border of a word.
GROUPS = {
    "en": "th,ght,wh,ing ,ck,ly ,sh,ough,ed ,ness , wr,ould,tion ,ee,oo,ea",
    "de": "sch,cht,ung ,ungen ,keit,heit,lich,ä,ö,ü,ß,pf,tz,ei,ie,eu,ck,gen ,zei,nis ,ierung, ge,"
    " ver, vor, auf",
    "es": "ción,ciones,ñ,ado ,ada ,idad ,ll,á,é,í,ó,ú,¿,mente ,ito ,rr,ía ,ero , des",
    "fr": "é,è,ê,ç,à ,ù,eau,eux ,oi,ement ,tion ,ée ,ique ,ou,que ,ais ,ait ,œ, l', d', j', c', n', s', qu'",
    "it": "zione,gli,cch,tto ,tta ,ità ,ella ,ggi,zz,chi,ò ,ì ,oni ,are ,ere ",
    "pt": "ção,ções,ã,õ,lh,nh,ê,â,ç,ões ,dade ,ento ,ou ",
    "nl": "ij,aa,ee,oo,uu,heid ,oe,ui,tje ,en ,eer,cht,gen , ge",
    "pl": "ł,ą,ę,ż,ź,ś,ć,ń,sz,cz,rz,wie,ego ,ów ,ch ,nie",
    "tr": "ı,ş,ğ,lar,ler,dı ,di ,yor,miş,mış,sı ,nın,nin,acak",
    "ro": "ă,ș,ț,ţ,ş,î,â,ului ,ilor ,ește,iei ,tul ",
    "cs": "ř,ě,ů,š,č,ž,ý,ch ,ní ,ou ,ho ,á,í",
    "sv": "å,ä,ö,och,ör,sk,ning ,ade ,era ,ar ,na ",
    "da": "æ,ø,å,sk,hed ,ede ,lig,ning ,gj,kj,øy,ei",
    "fi": "ää,aa,ii,kk,uu,yy,ssa ,ssä ,lla ,llä ,nen ,sta ,stä ,än ,ö,ä",
    "hu": "ő,ű,sz,gy,ny,á,é,ó,ö,ü,ban ,ben ,nak ,nek ,ság,ség",
    "hr": "š,č,ć,đ,ž,ije,nje ,ski ,og ,ima ",
    "ca": "ció ,l·l,ny,à,è,ò,ï,ç,atge,ment ,ts ,uig, l', d'",
    "id": "ng,nya ,kan ,ber, me, pe, di,ah ,an ,ak ",
    "tl": "ng , ma, na, pa, ka,in ,an ,ang,ay ",
    "vi": "ư,ơ,ạ,ả,ấ,ầ,ậ,ế,ề,ệ,ị,ọ,ỏ,ố,ồ,ộ,ớ,ờ,ợ,ụ,ủ,ứ,ừ,ự,đ,ă,nh , ng",
    "sw": " wa, ku, ki, ni, m,ini ,ali ,aka,nga,mbi,sha ",
    "sq": "ë,ç,sh,xh,dh,gj,nj,ve ,jë ",
    "eu": "tx,tz,ts,ak ,ek ,en ,ko ,rik ,tzen ,k ",
}
