// The sign-up page is complete without this file. It guesses the reader's zone and keeps the preview live.
(() => {
  const form = document.querySelector("form[data-live]");
  if (!form) return;

  const zone = form.elements.zone;
  const guess = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone && guess && zone.dataset.guess === "yes") {
    if (![...zone.options].some((option) => option.value === guess)) zone.add(new Option(guess.replaceAll("_", " "), guess));
    zone.value = guess;
  }

  const place = document.getElementById("preview");
  let timer, latest = 0;
  const choices = () => {
    const wanted = new URLSearchParams();
    for (const box of form.querySelectorAll("input[name=topic]:checked")) wanted.append("topic", box.value);
    if (form.elements.q.value.trim()) wanted.set("q", form.elements.q.value);
    return wanted;
  };
  const refresh = async () => {
    const turn = ++latest;
    try {
      const answer = await fetch(`${form.dataset.live}?${choices()}`, { headers: { "HX-Request": "true" } });
      if (turn !== latest || (!answer.ok && answer.status !== 422)) return;
      const parsed = new DOMParser().parseFromString(await answer.text(), "text/html");
      place.replaceChildren(...parsed.body.childNodes);
      const wrong = answer.status === 422;
      form.elements.q.setAttribute("aria-invalid", String(wrong));
      const tally = document.getElementById("tally");
      tally.textContent = place.querySelector("[data-tally]").textContent;
      tally.className = wrong ? "error" : "tally";
    } catch { /* offline: the button still works */ }
  };
  const soon = () => { clearTimeout(timer); timer = setTimeout(refresh, 350); };
  form.addEventListener("change", (event) => { if (event.target.name === "topic") soon(); });
  form.elements.q.addEventListener("input", soon);
  form.elements.q.addEventListener("keydown", (event) => {
    if (event.key === "Enter") { event.preventDefault(); clearTimeout(timer); refresh(); }
  });
})();
