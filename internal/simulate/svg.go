package simulate

import (
	"fmt"
	"io"
	"slices"
)

// Measures of the picture, in pixels.
const (
	svgLeft, svgWidth  = 220, 900
	svgRow, svgBar     = 34, 22
	svgTop, svgTickSpc = 40, 10 // ten ticks on the time line
)

// colours tell directors apart.
var colours = []string{"#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377"}

// WriteSVG draws who held which address when.
func (r *Report) WriteSVG(w io.Writer) error {
	var names []string
	for _, a := range r.Addresses {
		for _, h := range a.Holds {
			for _, n := range h.Nodes {
				if !slices.Contains(names, n) {
					names = append(names, n)
				}
			}
		}
	}
	slices.Sort(names)
	height := svgTop + svgRow*(len(r.Addresses)+2)
	p := printer{w: w}
	p.f("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" font-family=\"sans-serif\" font-size=\"13\">\n", svgLeft+svgWidth+20, height)
	for i, n := range names {
		p.f("<rect x=\"%d\" y=\"8\" width=\"14\" height=\"14\" fill=\"%s\"/><text x=\"%d\" y=\"20\">%s</text>\n", svgLeft+i*120, colours[i%len(colours)], svgLeft+20+i*120, n)
	}
	for i, a := range r.Addresses {
		r.drawAddress(&p, a, svgTop+i*svgRow, names)
	}
	bottom := svgTop + svgRow*len(r.Addresses)
	for i := range svgTickSpc + 1 {
		x := svgLeft + svgWidth*i/svgTickSpc
		p.f("<line x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\" stroke=\"#999\"/><text x=\"%d\" y=\"%d\" text-anchor=\"middle\">%.0f s</text>\n",
			x, svgTop-4, x, bottom, x, bottom+18, r.End.Seconds()*float64(i)/svgTickSpc)
	}
	p.f("</svg>\n")
	return p.err
}

// drawAddress draws one row: a bar for every hold, one above the other when
// two directors have the address.
func (r *Report) drawAddress(p *printer, a *Address, y int, names []string) {
	p.f("<text x=\"4\" y=\"%d\">%s %s</text>\n", y+16, a.Address, a.Interface)
	for _, h := range a.Holds {
		x := svgLeft + svgWidth*h.From.Seconds()/r.End.Seconds()
		width := svgWidth * (h.To - h.From).Seconds() / r.End.Seconds()
		for i, n := range h.Nodes {
			high := float64(svgBar) / float64(len(h.Nodes))
			p.f("<rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" fill=\"%s\"><title>%s %.3f-%.3f s</title></rect>\n",
				x, float64(y)+float64(i)*high, width, high, colours[slices.Index(names, n)%len(colours)], n, h.From.Seconds(), h.To.Seconds())
		}
	}
}

// printer remembers the first error of a writer.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) f(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format, args...)
	}
}
