/** The tools' settings and their controls: size, disc or ball, threshold rule. */

const RULES = { "41": { percent: 41 }, "50": { percent: 50 }, "2.5": { suv: 2.5 }, "4.0": { suv: 4 } };

/** Return the settings, linked to their controls: {radius (mm), ball, rule, onChange, nextRule}. */
export function settingsOf(study) {
  const size = document.getElementById("size"), rule = document.getElementById("rule");
  const own = document.getElementById("own"), unit = document.getElementById("own-unit");
  const settings = { radius: 8, ball: false, rule: RULES["41"] };
  const ownRule = () => {
    const value = own.valueAsNumber;
    if (!(value > 0)) return settings.rule;
    return unit.value === "percent" ? { percent: value } : { suv: value };
  };
  const readRule = () => {
    document.getElementById("own-rule").hidden = rule.value !== "own";
    settings.rule = rule.value === "own" ? ownRule() : RULES[rule.value];
  };
  settings.onChange = () => {
    size.value = settings.radius;
    document.getElementById("size-text").textContent = `${settings.radius} mm`;
    document.getElementById("ball").setAttribute("aria-pressed", String(settings.ball));
    document.getElementById("ball").textContent = settings.ball ? "3-D ball" : "2-D disc";
  };
  settings.nextRule = () => {
    rule.selectedIndex = (rule.selectedIndex + 1) % rule.options.length;
    readRule();
  };
  size.addEventListener("input", () => { settings.radius = size.valueAsNumber; settings.onChange(); });
  for (const one of [rule, own, unit]) one.addEventListener("input", readRule);
  rule.disabled = !study.suvAt;
  settings.onChange();
  readRule();
  return settings;
}
