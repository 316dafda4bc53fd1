// The sign-up page is complete without scripts; htmx keeps its preview live. This guesses the reader's zone, lets Enter in the
// query ask instead of subscribe, and marks a query that cannot be read.
(() => {
  const form = document.querySelector("form.home");
  if (!form) return;

  const zone = form.elements.zone;
  const guess = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone && guess && zone.dataset.guess === "yes") {
    if (![...zone.options].some((option) => option.value === guess)) zone.add(new Option(guess.replaceAll("_", " "), guess));
    zone.value = guess;
  }

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
