"""References for BibTeX, by their keys."""

import re

_ENTRIES = r"""
@misc{landscape,
  title = {{landscape}: flatness reports from checkpoint files},
  author = {{The landscape developers}},
  year = {2026},
  note = {Python package \texttt{landscape-snn}},
}

@article{lanczos1950,
  title = {An iteration method for the solution of the eigenvalue problem of linear
    differential and integral operators},
  author = {Lanczos, Cornelius},
  journal = {Journal of Research of the National Bureau of Standards},
  volume = {45},
  pages = {255--282},
  year = {1950},
}

@article{wu2000,
  title = {Thick-restart {L}anczos method for large symmetric eigenvalue problems},
  author = {Wu, Kesheng and Simon, Horst},
  journal = {SIAM Journal on Matrix Analysis and Applications},
  volume = {22},
  number = {2},
  pages = {602--616},
  year = {2000},
}

@article{pearlmutter1994,
  title = {Fast exact multiplication by the {H}essian},
  author = {Pearlmutter, Barak A.},
  journal = {Neural Computation},
  volume = {6},
  number = {1},
  pages = {147--160},
  year = {1994},
}

@article{ubaru2017,
  title = {Fast estimation of tr(f({A})) via stochastic {L}anczos quadrature},
  author = {Ubaru, Shashanka and Chen, Jie and Saad, Yousef},
  journal = {SIAM Journal on Matrix Analysis and Applications},
  volume = {38},
  number = {4},
  pages = {1075--1099},
  year = {2017},
}

@inproceedings{ghorbani2019,
  title = {An investigation into neural net optimization via {H}essian eigenvalue density},
  author = {Ghorbani, Behrooz and Krishnan, Shankar and Xiao, Ying},
  booktitle = {International Conference on Machine Learning},
  year = {2019},
  eprint = {1901.10159},
  archiveprefix = {arXiv},
}

@article{hutchinson1990,
  title = {A stochastic estimator of the trace of the influence matrix for {L}aplacian
    smoothing splines},
  author = {Hutchinson, Michael F.},
  journal = {Communications in Statistics -- Simulation and Computation},
  volume = {19},
  number = {2},
  pages = {433--450},
  year = {1990},
}

@article{epperly2024,
  title = {{XTrace}: making the most of every sample in stochastic trace estimation},
  author = {Epperly, Ethan N. and Tropp, Joel A. and Webber, Robert J.},
  journal = {SIAM Journal on Matrix Analysis and Applications},
  volume = {45},
  number = {1},
  pages = {1--23},
  year = {2024},
  eprint = {2301.07825},
  archiveprefix = {arXiv},
}

@article{schraudolph2002,
  title = {Fast curvature matrix-vector products for second-order gradient descent},
  author = {Schraudolph, Nicol N.},
  journal = {Neural Computation},
  volume = {14},
  number = {7},
  pages = {1723--1738},
  year = {2002},
}

@inproceedings{li2018,
  title = {Visualizing the loss landscape of neural nets},
  author = {Li, Hao and Xu, Zheng and Taylor, Gavin and Studer, Christoph and Goldstein, Tom},
  booktitle = {Advances in Neural Information Processing Systems},
  year = {2018},
  eprint = {1712.09913},
  archiveprefix = {arXiv},
}

@inproceedings{yao2020,
  title = {{PyHessian}: Neural networks through the lens of the {H}essian},
  author = {Yao, Zhewei and Gholami, Amir and Keutzer, Kurt and Mahoney, Michael W.},
  booktitle = {IEEE International Conference on Big Data},
  year = {2020},
  eprint = {1912.07145},
  archiveprefix = {arXiv},
}

@inproceedings{keskar2017,
  title = {On large-batch training for deep learning: Generalization gap and sharp minima},
  author = {Keskar, Nitish Shirish and Mudigere, Dheevatsa and Nocedal, Jorge and
    Smelyanskiy, Mikhail and Tang, Ping Tak Peter},
  booktitle = {International Conference on Learning Representations},
  year = {2017},
  eprint = {1609.04836},
  archiveprefix = {arXiv},
}

@inproceedings{kristiadi2023,
  title = {The geometry of neural nets' parameter spaces under reparametrization},
  author = {Kristiadi, Agustinus and Dangel, Felix and Hennig, Philipp},
  booktitle = {Advances in Neural Information Processing Systems},
  volume = {36},
  year = {2023},
  eprint = {2302.07384},
  archiveprefix = {arXiv},
}

@misc{dasilva2025,
  title = {Hide \& seek: Transformer symmetries obscure sharpness \& {R}iemannian geometry
    finds it},
  author = {da Silva, Marvin F. and Dangel, Felix and Oore, Sageev},
  year = {2025},
  eprint = {2505.05409},
  archiveprefix = {arXiv},
}

@inproceedings{kwon2021,
  title = {{ASAM}: Adaptive sharpness-aware minimization for scale-invariant learning of
    deep neural networks},
  author = {Kwon, Jungmin and Kim, Jeongseop and Park, Hyunseo and Choi, In Kwon},
  booktitle = {International Conference on Machine Learning},
  year = {2021},
  eprint = {2102.11600},
  archiveprefix = {arXiv},
}

@inproceedings{neyshabur2017,
  title = {Exploring generalization in deep learning},
  author = {Neyshabur, Behnam and Bhojanapalli, Srinadh and McAllester, David and Srebro,
    Nathan},
  booktitle = {Advances in Neural Information Processing Systems},
  year = {2017},
  eprint = {1706.08947},
  archiveprefix = {arXiv},
}

@inproceedings{foret2021,
  title = {Sharpness-aware minimization for efficiently improving generalization},
  author = {Foret, Pierre and Kleiner, Ariel and Mobahi, Hossein and Neyshabur, Behnam},
  booktitle = {International Conference on Learning Representations},
  year = {2021},
  eprint = {2010.01412},
  archiveprefix = {arXiv},
}

@inproceedings{andriushchenko2023,
  title = {A modern look at the relationship between sharpness and generalization},
  author = {Andriushchenko, Maksym and Croce, Francesco and M{\"u}ller, Maximilian and Hein,
    Matthias and Flammarion, Nicolas},
  booktitle = {International Conference on Machine Learning},
  year = {2023},
  eprint = {2302.07011},
  archiveprefix = {arXiv},
}

@inproceedings{jiang2020,
  title = {Fantastic generalization measures and where to find them},
  author = {Jiang, Yiding and Neyshabur, Behnam and Mobahi, Hossein and Krishnan, Dilip and
    Bengio, Samy},
  booktitle = {International Conference on Learning Representations},
  year = {2020},
  eprint = {1912.02178},
  archiveprefix = {arXiv},
}

@inproceedings{petzka2021,
  title = {Relative flatness and generalization},
  author = {Petzka, Henning and Kamp, Michael and Adilova, Linara and Sminchisescu, Cristian
    and Boley, Mario},
  booktitle = {Advances in Neural Information Processing Systems},
  year = {2021},
  eprint = {2001.00939},
  archiveprefix = {arXiv},
}

@inproceedings{meyer2021,
  title = {Hutch++: Optimal stochastic trace estimation},
  author = {Meyer, Raphael A. and Musco, Cameron and Musco, Christopher and Woodruff, David P.},
  booktitle = {Symposium on Simplicity in Algorithms},
  year = {2021},
  eprint = {2010.09649},
  archiveprefix = {arXiv},
}

@article{cohen2022,
  title = {Adaptive gradient methods at the edge of stability},
  author = {Cohen, Jeremy M. and Ghorbani, Behrooz and Krishnan, Shankar and Agarwal, Naman and
    Medapati, Sourabh and Badura, Michal and Suo, Daniel and Cardoze, David and Nado, Zachary and
    Dahl, George E. and Gilmer, Justin},
  journal = {arXiv preprint arXiv:2207.14484},
  year = {2022},
}

@article{sagun2018,
  title = {Empirical analysis of the {H}essian of over-parametrized neural networks},
  author = {Sagun, Levent and Evci, Utku and G{\"u}ney, V. U{\u{g}}ur and Dauphin, Yann and
    Bottou, L{\'e}on},
  journal = {arXiv preprint arXiv:1706.04454},
  year = {2018},
}

@inproceedings{wu2022,
  title = {The alignment property of {SGD} noise and how it helps select flat minima: A
    stability analysis},
  author = {Wu, Lei and Wang, Mingze and Su, Weijie J.},
  booktitle = {Advances in Neural Information Processing Systems},
  year = {2022},
  eprint = {2207.02628},
  archiveprefix = {arXiv},
}

@article{bartlett2020,
  title = {Benign overfitting in linear regression},
  author = {Bartlett, Peter L. and Long, Philip M. and Lugosi, G{\'a}bor and Tsigler,
    Alexander},
  journal = {Proceedings of the National Academy of Sciences},
  volume = {117},
  number = {48},
  pages = {30063--30070},
  year = {2020},
  eprint = {1906.11300},
  archiveprefix = {arXiv},
}
"""

# Each entry under its key.
BIBLIOGRAPHY = {
    found[1]: found[0] for found in re.finditer(r"^@\w+\{(\w+),$.*?^\}$", _ENTRIES, re.M | re.S)
}


def keys_of(source: str) -> list[str]:
    """The entries of what ``source`` names by author and year."""
    keys = (
        f"{author.lower()}{year}" for author, year in re.findall(r"(\w+) et al. (\d{4})", source)
    )
    return [key for key in keys if key in BIBLIOGRAPHY]


def bibliography(tex: str) -> str:
    """The entries that ``tex`` cites, in the order of their first citation."""
    cited = (key for keys in re.findall(r"\\cite\{([^}]+)\}", tex) for key in keys.split(","))
    return "\n\n".join(BIBLIOGRAPHY[key] for key in dict.fromkeys(cited)) + "\n"
