// The sign-up page is complete without scripts; htmx keeps its preview live. When the reader first moves, this guesses the zone and
// brings htmx (who only looks needs neither); it lets Enter in the query ask instead of subscribe, and marks what cannot be read.
(() => {
  const form = document.querySelector("form.home");
  if (!form) return;

  const guess = () => {
    const zone = form.elements.zone;
    const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
    if (!zone || !here || zone.dataset.guess !== "yes") return;
    if (![...zone.options].some((option) => option.value === here)) zone.add(new Option(here.replaceAll("_", " "), here));
    zone.value = here;
  };

  const signs = ["pointerdown", "pointermove", "touchstart", "keydown", "focusin", "scroll"];
  const bring = () => {
    for (const sign of signs) removeEventListener(sign, bring, true);
    guess();
    const script = document.createElement("script");
    script.src = form.dataset.htmx;
    document.head.append(script);
  };
  for (const sign of signs) addEventListener(sign, bring, { capture: true, passive: true });

  const query = form.elements.q;
  query.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    query.closest("[data-hx-get]").dispatchEvent(new CustomEvent("ask"));
  });
  document.addEventListener("htmx:after:swap", () => {
    query.setAttribute("aria-invalid", String(Boolean(document.querySelector("#q-said .error"))));
  });
})();
