/** Grafana's names of units: what stands behind a value, and how it is scaled. What is not here is taken as a unit of one's own. */

const table = (text: string): ReadonlyMap<string, string> => new Map(text.trim().split(/\s+/).map((pair) => { const at = pair.indexOf("="); return [pair.slice(0, at), pair.slice(at + 1)]; }));

/** Never scaled. */
export const FIXED = table(`
  humidity=%H dB=dB dBm=dBm pixel=px accMS2=m/sec² accFS2=f/sec² accG=g degree=° radian=rad grad=grad arcmin=arcmin arcsec=arcsec areaM2=m² areaF2=ft² areaMI2=mi² acres=ac hectares=ha
  ppm=ppm conppb=ppb conngm3=ng/m³ conngNm3=ng/Nm³ conμgm3=μg/m³ conμgNm3=μg/Nm³ conmgm3=mg/m³ conmgNm3=mg/Nm³ congm3=g/m³ congNm3=g/Nm³ conmgdL=mg/dL conmmolL=mmol/L
  flowgpm=gpm flowcms=cms flowcfs=cfs flowcfm=cfm litreh=L/h flowlpm=L/min flowmlpm=mL/min lux=lux masslb=lb masst=t lengthcm=cm lengthin=in lengthft=ft lengthmi=mi pressurehpa=hPa pressurekpa=kPa pressurehg="Hg
  rotrpm=rpm rotrads=rad/s rotdegs=°/s celsius=°C fahrenheit=°F farenheit=°F kelvin=K velocityms=m/s velocitykmh=km/h velocitymph=mph velocityknot=kn m3=m³ Nm3=Nm³ dm3=dm³ gallons=gal`);

/** In thousands, with K, Mil, Bil before the unit. */
export const COUNTED = table("cps=c/s ops=ops/s reqps=req/s rps=rd/s wps=wr/s iops=io/s eps=evt/s mps=msg/s recps=rec/s rowsps=rows/s cpm=c/m opm=ops/m reqpm=req/m rpm=rd/m wpm=wr/m epm=evts/m mpm=msgs/m recpm=rec/m rowspm=rows/m");

/** In powers of 1024, from the power behind the colon. */
export const BINARY = table(`
  bytes=B kbytes=B:1 mbytes=B:2 gbytes=B:3 tbytes=B:4 pbytes=B:5 bits=b binBps=B/s binbps=b/s
  KiBs=B/s:1 MiBs=B/s:2 GiBs=B/s:3 TiBs=B/s:4 PiBs=B/s:5 Kibits=b/s:1 Mibits=b/s:2 Gibits=b/s:3 Tibits=b/s:4 Pibits=b/s:5`);

/** In powers of 1000 with the prefixes of the SI, from the power behind the colon. */
export const SCALED = table(`
  sishort= candela=cd flops=FLOPS mflops=FLOPS:2 gflops=FLOPS:3 tflops=FLOPS:4 pflops=FLOPS:5 eflops=FLOPS:6 zflops=FLOPS:7 yflops=FLOPS:8
  decbytes=B deckbytes=B:1 decmbytes=B:2 decgbytes=B:3 dectbytes=B:4 decpbytes=B:5 decbits=b pps=p/s Bps=B/s KBs=B/s:1 MBs=B/s:2 GBs=B/s:3 TBs=B/s:4 PBs=B/s:5 bps=b/s Kbits=b/s:1 Mbits=b/s:2 Gbits=b/s:3 Tbits=b/s:4 Pbits=b/s:5
  watt=W kwatt=W:1 megwatt=W:2 gwatt=W:3 mwatt=W:-1 Wm2=W/m² voltamp=VA kvoltamp=VA:1 voltampreact=VAr kvoltampreact=VAr:1 watth=Wh watthperkg=Wh/kg kwatth=Wh:1 kwattm=W-Min:1 mwatth=Wh:2 amph=Ah kamph=Ah:1 mamph=Ah:-1
  joule=J ev=eV amp=A kamp=A:1 mamp=A:-1 volt=V kvolt=V:1 mvolt=V:-1 mohm=Ω:-1 ohm=Ω kohm=Ω:1 Mohm=Ω:2 farad=F µfarad=F:-2 nfarad=F:-3 pfarad=F:-4 ffarad=F:-5 henry=H mhenry=H:-1 µhenry=H:-2 lumens=Lm
  forceNm=Nm forcekNm=Nm:1 forceN=N forcekN=N:1 Hs=H/s KHs=H/s:1 MHs=H/s:2 GHs=H/s:3 THs=H/s:4 PHs=H/s:5 EHs=H/s:6 massmg=g:-1 massg=g masskg=g:1 lengthmm=m:-1 lengthm=m lengthkm=m:1
  pressurembar=bar:-1 pressurebar=bar pressurekbar=bar:1 pressurepa=Pa radbq=Bq radci=Ci radgy=Gy radrad=rad radsv=Sv radmsv=Sv:-1 radusv=Sv:-2 radrem=rem radexpckg=C/kg radr=R radsvh=Sv/h radmsvh=Sv/h:-1 radusvh=Sv/h:-2
  rothz=Hz rotkhz=Hz:1 rotmhz=Hz:2 rotghz=Hz:3 hertz=Hz mlitre=L:-1 litre=L`);

/** Before the value; behind it where there is a point at the end. */
export const MONEY = table(`
  USD=$ GBP=£ EUR=€ JPY=¥ CNY=¥ RUB=₽ UAH=₴ BRL=R$ DKK=kr. ISK=kr. NOK=kr. SEK=kr. VND=đ. TRY=₺. CZK=czk CHF=CHF PLN=PLN BTC=฿ mBTC=mBTC μBTC=μBTC ZAR=R INR=₹ KRW=₩ IDR=Rp PHP=PHP MYR=RM XPF=XPF BGN=BGN PYG=₲ UYU=UYU ILS=₪`);

type Times = readonly (readonly [below: number, by: number, word: string])[];
const DAY = 86_400;
/** Times: below so many they are divided by so many, and called so. */
export const TIMES: Readonly<Record<string, Times>> = {
  ns: [[1e3, 1, "ns"], [1e6, 1e3, "µs"], [1e9, 1e6, "ms"], [6e10, 1e9, "s"], [36e11, 6e10, "min"], [864e11, 36e11, "h"], [Infinity, 864e11, "days"]],
  "µs": [[1e3, 1, "µs"], [1e6, 1e3, "ms"], [Infinity, 1e6, "s"]],
  ms: [[1e3, 1, "ms"], [6e4, 1e3, "s"], [36e5, 6e4, "min"], [864e5, 36e5, "h"], [31_536e6, 864e5, "days"], [Infinity, 31_536e6, "years"]],
  s: [[1e-6, 1e-9, "ns"], [1e-3, 1e-6, "µs"], [1, 1e-3, "ms"], [60, 1, "s"], [3600, 60, "min"], [DAY, 3600, "h"], [7 * DAY, DAY, "days"], [365 * DAY, 7 * DAY, "weeks"], [Infinity, 31_556_900, "years"]],
  m: [[60, 1, "min"], [1440, 60, "h"], [10_080, 1440, "days"], [604_800, 10_080, "weeks"], [Infinity, 525_948, "years"]],
  h: [[24, 1, "h"], [168, 24, "days"], [8760, 168, "weeks"], [Infinity, 8760, "years"]],
  d: [[7, 1, "days"], [365, 7, "weeks"], [Infinity, 365, "years"]],
};

/** How often the time of a unit is in a second. */
export const SECONDS: Readonly<Record<string, number>> = { dtdurations: 1, dtdurationms: 1e-3, clocks: 1, clockms: 1e-3 };
