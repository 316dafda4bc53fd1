"""Words by which English abstracts tell a result from what was known, how it was done and where the code is.

General words of academic prose, none of one field or one paper. What each weighs is in `_finding`; of RESULT it stands here.
"""

from __future__ import annotations

import re


def _cue(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


_ADVERB = r"(?:\s+(?:\w+ly|also|further|first|then|thus|here|even|next|again|now))*\s+"
_WORK = r"(?:paper|work|article|study|report|thesis|letter|survey|review|note|manuscript|pre-?print)"
CLAIM = _cue(
    rf"\b(?:we|i|they|authors){_ADVERB}(?:show|find|found|prove|demonstrate|observe|reveal|conclude|discover|derive|establish|"
    r"obtain|achieve|confirm|validate|compute|attribute)\w*"
)
_EVIDENCE = _cue(
    r"\b(?:results?|experiments?|findings?|analys[ie]s|evaluations?|stud(?:y|ies)|tests?|theory|investigation|data)\b"
    r"[^.;]{0,90}?\b(?:show|reveal|demonstrate|indicate|suggest|confirm|find|establish|prove)(?:s|ed|ing)?\b"
)
_CHANGE = _cue(
    r"\b(?:outperform|surpass|exceed|achiev|attain|obtain|reach|reduc|boost|accelerat|speed|improv|yield|beat|rival|double|retain|"
    r"drop|recover|gain|generali[sz]|superior|inferior|match|increas|decreas|eliminat|transfer)(?:e?s|e?d|ing|e)?\b"
)
_FOUND = _cue(r"\b(?:is|are|was|were) (?:\w+ )?(?:found|shown|proved|proven|observed|obtained|demonstrated|computed)\b")
_COMPARED = _cue(
    r"\b(?:more|less|fewer|faster|better|worse|higher|lower|greater|smaller|lighter|stronger)\b[^.;]{0,60}\bthan\b|\bonly \d"
)
RESULT = ((2.0, CLAIM), (1.5, _EVIDENCE), (1.0, _CHANGE), (1.5, _FOUND), (0.7, _COMPARED))
NUMBER = _cue(r"\d+(?:[.,]\d+)*\s?(?:[×x]|[-\s]?fold\b|times\b|percent\b|points?\b|%)|\bfrom \d\S* to \d|\b[pr]\s?[<=]\s?0?\.\d")
FIGURE = re.compile(r"(?<![\w-])\d+(?:[.,]\d+)*(?![\w-])")
MADE = _cue(
    rf"\b(?:we|i|authors?|(?:this|the(?: present| current)?) {_WORK}){_ADVERB}(?:\w+ and )?(?:propose|present|introduce|develop|give|"
    r"provide|offer|describe|construct|build|built|design|devise|formulate|systemati[sz]e|initiate|contribute|create)\w*(?!\s+that\b|[.])"
    rf"|^(?:\S+ ){{1,4}}is an? (?!(?:\w+ )?(?:used|popular|promising|common|key|critical))(?:\S+ ){{0,6}}(?:model|framework|system|method|tool)\b"
)
ASKED = _cue(
    rf"\b(?:we|this (?:\w+ )?{_WORK}){_ADVERB}(?:aims? to |attempt to )?(?:study|studies|investigate|explore|ask|examine|analy[sz]e|"
    r"consider|evaluate|address|revisit|focus|review|perform|conduct|apply|extend|assess|identif)\w*"
    rf"|^this (?:\w+ )?{_WORK}\b|\b(?:intent|aim|purpose|goal|objective) of (?:this|the|our) (?:present )?{_WORK}\b"
    r"|\b(?:is|are|has been) (?:hereby )?(?:proposed|presented|introduced|developed|suggested|described|reported|offered)\b"
)
NAMED = _cue(r"\b(?:we (?:here )?(?:call|term|dub)|termed|dubbed)\b|^to (?:fill|bridge|close|address) (?:this|the|these)\b")
STUDIED = _cue(r"\b(?:is|are|was|were) (?:\w+ )?(?:studied|analy[sz]ed|investigated|examined|considered|validated|evaluated)\b")
DETAIL = _cue(
    r"^(?:specifically|in particular|to (?:achieve|this end,? (?:each|the)|construct|cover|compare|separate|validate|illustrate)|during|"
    r"each|every|given|where|unlike|inspired|motivated|guided|key to|building (?:up)?on|\(\w{1,3}\))"
    r"|\b(?:consists? of|comprises|is composed of|two (?:modules|parts|key|steps|stages)|three (?:key|main|steps|parts))\b"
)
BACKGROUND = _cue(
    r"^(?:recent|despite (?:its|their|the|recent|significant)|although|traditional|existing|current(?:ly)?|prior|previous|most|many|"
    r"in recent|over the past|with the (?:rapid|advent|rise|increasing)|as (?!an application\b)|while (?!our|we|certain)|nonetheless|however, "
    r"(?:existing|current|most|these|their|its|the|this|it|due|such|despite|language|further)|yet|researchers|modern|since|because of|"
    r"in response|the (?:rapid|increasing|proliferation|growing|complexity|problem of|ability|emergence|advent))\b"
)
KNOWN = _cue(
    r"\b(?:remain(?:s|ed)? (?:a|an|unclear|largely|elusive|challenging|under|limited|difficult)|is (?:a|an) (?:\w+ )?(?:critical|crucial|"
    r"important|essential|established|fundamental|key|major|promising|challenge)|challeng(?:e|es|ing)|crucial|has (?:become|been "
    r"(?:widely|proved|shown|recently))|have (?:become|been (?:widely|shown|recently|proposed)|shown|significantly)|needs? to be|"
    r"often|typically|little work|lack of|suffers? from|struggles?|increasingly|well known|necessity|is difficult|"
    r"nowadays|unclear|underexplored|widely used)\b"
)
OUTLOOK = _cue(
    r"\b(?:pav(?:e|es|ing) the way|open(?:s|ing)? (?:up )?(?:new|a path)|future (?:research|work)|implications?|guid(?:e|es|ing) (?:the |future )|"
    r"insights? (?:into|for)|foundation (?:for|to)|highlight\w* (?:both |the )*(?:need|importance|promise|potential|impact)|underscor\w+|"
    r"valuable (?:resource|insights?)|we (?:hope|believe|conclude (?:by|with)|discuss|position|highlight)|offers? a path|recommendations|"
    r"serves? as|provides? (?:a |an )?(?:new |principled |practical |detailed |reproducible |common )+(?:way|route|path\w*|overview|testbed|lens)|"
    r"extensible|wide range of tasks|effectiveness (?:and \w+ )?of (?:our|the|this)|companion paper)\b"
)
AVAILABLE = _cue(
    r"https?://|\bgithub\b|\b(?:code|codes|data|datasets?|models?|materials?|implementation|benchmark|demos?|weights|checkpoints?|details)\b"
    r"[^.]{0,60}\b(?:available|released|open[- ]sourced)\b|\bwe (?:\w+ )?(?:release|open-source) (?:all|the|our)\b|"
    r"^(?:project|code|benchmark|\(?funded)\b|\bpublicly available\b|video demonstrating"
)
DANGLING = _cue(
    rf"^(?:it|this(?! (?:\w+ )?{_WORK}\b)|these|those|they|such|following|specifically|in addition|in particular|moreover|furthermore|also|"
    r"additionally|finally|then|therefore|thus|as a result|in contrast|by contrast|in this (?:setting|way|case)|notably|indeed|for example|both|"
    r"further|setting|doing so|our code|code|the (?:framework|setup|same)|second|third)\b"
)
ANNOUNCES = _cue(r"\b(?:contributions|findings|advantages|insights|results|observations|innovations)\b.{0,40}[.:]$")
LISTED = _cue(r"^(?:first|second|third|fourth|\(?[ivx\d]+\))\W")
QUESTION = re.compile(r"\?$")
HEADING = _cue(
    r"^(background|introduction|context|objectives?|aims?|purpose|importance|methods?|design|setting|participants|measurements|results?|findings|"
    r"conclusions?|interpretation|discussion|funding)\s*(?:[:.]|$)"
)
LITTLE_WORDS = frozenset(["the", "of", "and", "to", "we", "is", "are", "that", "for", "with", "by", "which", "this", "our"])
