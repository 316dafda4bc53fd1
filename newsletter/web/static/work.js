// Solves the puzzle of a form (ALTCHA, version 1: find the number whose hash with the salt is the challenge) while it is filled in.
// Loaded only where PROOF_OF_WORK is on. Where a browser cannot, the server offers to wait instead.
(() => {
  const field = document.querySelector("input[data-challenge]");
  if (!field || !globalThis.crypto?.subtle) return;
  const asked = JSON.parse(field.dataset.challenge);
  const encoder = new TextEncoder();
  const hex = (buffer) => [...new Uint8Array(buffer)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const hash = async (number) => hex(await crypto.subtle.digest("SHA-256", encoder.encode(asked.salt + number)));

  const solve = async () => {
    for (let start = 0; start <= asked.maxnumber; start += 500) {
      const numbers = Array.from({ length: 500 }, (_, place) => start + place);
      const found = (await Promise.all(numbers.map(hash))).indexOf(asked.challenge);
      if (found >= 0) {
        const { algorithm, challenge, salt, signature } = asked;
        field.value = btoa(JSON.stringify({ algorithm, challenge, number: start + found, salt, signature }));
        return;
      }
    }
  };

  let tried = false;
  const solved = solve().finally(() => { tried = true; });
  field.form.addEventListener("submit", (event) => {
    const button = event.submitter;
    if (tried || button?.formAction.includes("/preview")) return;
    event.preventDefault();
    if (button) button.disabled = true;
    solved.finally(() => {
      if (button) button.disabled = false;
      field.form.requestSubmit(button);
    });
  });
})();
