(function () {
  "use strict";
  // A link to a folded part opens it.
  function unfold() {
    const target = location.hash && document.getElementById(location.hash.slice(1));
    if (target && target.tagName === "DETAILS") target.open = true;
    if (target) target.scrollIntoView();
  }
  window.addEventListener("hashchange", unfold);
  unfold();
  // On a narrow screen the contents are a drop-down.
  const contents = document.querySelector("nav details");
  const narrow = window.matchMedia("(max-width: 999px)");
  function fold() { if (contents) contents.open = !narrow.matches; }
  narrow.addEventListener("change", fold);
  fold();
  if (contents) contents.addEventListener("click", function (event) {
    if (event.target.tagName === "A" && narrow.matches) contents.open = false;
    if (event.target.tagName === "A" && event.target.hash === location.hash) unfold();
  });
  function copied(button, done) {
    button.textContent = done ? "Copied" : "Select and copy";
    setTimeout(function () { button.textContent = "Copy"; }, 2000);
  }
  document.querySelectorAll(".command button").forEach(function (button) {
    button.addEventListener("click", function () {
      const code = button.previousElementSibling;
      const range = document.createRange();
      range.selectNodeContents(code);
      const selection = getSelection();
      selection.removeAllRanges();
      selection.addRange(range);
      if (navigator.clipboard) {
        navigator.clipboard.writeText(button.dataset.command).then(
          function () { copied(button, true); }, function () { copied(button, false); });
      } else {
        copied(button, document.execCommand("copy"));
      }
    });
  });
})();
